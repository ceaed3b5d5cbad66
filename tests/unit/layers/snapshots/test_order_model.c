/* The reference model of the order of events: tables that were derived by hand from
 * schemas/README.md, random logs against what the database holds, and each deliberate mistake,
 * which at least one of them must notice. */
#include "order_model.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <stdio.h>
#include <string.h>

/* --- tables --- */

/* Records, separated by ';', each of words:
 *   u12 an upsert of 0x12 | d a delete | T a tombstone | x a rejected record | t a truncate
 *   @5 its own time | k9 Kafka timestamp | q50 quarantine.replayed_at | p10 position | s2 source of
 * it n1 input partition | o3 input offset | w2 unavailable digits e event_time | b O10 | r op r | i
 * the id was read from the key only Defaults: the i-th record has the Kafka timestamp 1000 + i,
 * offset i, partition 0, source 1, and is of a log. Windows: late 30, future 1000. */
struct row {
    const char *rule, *script;
    /* Outcomes (a applied, u unchanged, l too late, e too early, m malformed, x rejected, t
     * truncate), then versions as value[from,to)loaded_at, then counters that are not 0, then
     * "outdated". */
    const char *result;
};

static const struct row rows[] = {
    {"O1 log", "u1 @10; u2 @5", "aa|2[10,)1002|reordered 1"},
    {"O1 event_time", "u1 @10 e; u2 @5 e", "aa|2[5,10)1002 1[10,)1001|late 1"},

    {"O2 equal times: the later wins alone", "u1 @5 e; u2 @5 e", "aa|2[5,)1002|"},
    {"O2 later is by position in the partition", "u1 @5 e o9; u2 @5 e o3", "au|1[5,)1001|"},
    {"O2 two partitions: what came last", "u1 @5 e o9; u2 @5 e o3 n1", "aa|2[5,)1002|"},
    {"O2 an exact repeat keeps loaded_at", "u1 @5 e; u1 @5 e", "au|1[5,)1001|"},
    {"O2 what still held", "u1 @5 e; u1 @10 e; u1 @15 e; u2 @12 e",
     "auua|1[5,12)1001 2[12,15)1004 1[15,)1003|late 1"},
    {"O2 a moved start", "u1 @5 e; u3 @20 e; u3 @12 e", "aaa|1[5,12)1001 3[12,)1003|late 1"},
    {"O2 a delete before what it ends", "d @9 e; u1 @5 e", "ua|1[5,9)1002|late 1"},
    {"O2 anew after a gap", "u1 @5 e; d @9 e; u1 @11 e", "aaa|1[5,9)1001 1[11,)1003|"},
    {"O2 late never revives", "u1 @5 e; d @9 e; u2 @7 e", "aaa|1[5,7)1001 2[7,9)1003|late 1"},

    {"O3 case 38", "u1 @0; u2 @11; u3 @10", "aaa|1[0,11)1001 3[11,)1003|reordered 1"},
    {"O3 wins alone", "u1 @5; u2 @9; u1 @3", "aaa|1[5,)1001|reordered 1"},
    {"O3 what holds already", "u1 @9; u1 @3", "au|1[9,)1001|reordered 1"},
    {"O3 a delete, too", "u1 @9; d @3", "aa||reordered 1"},
    {"O3 a key change at one time", "u1 @0; d @5; u2 @5", "aaa|1[0,5)1001 2[5,)1003|"},
    {"O3 a delete with a time stays", "u1 @5; d @9; u2 @7", "aaa|1[5,9)1001 2[9,)1003|reordered 1"},
    {"O3 the Kafka timestamp is replaced, too", "u1 @50; u2 k40", "aa|2[50,)40|reordered 1"},

    {"O4 before", "u1 @5 p10; u2 @6 p20; u1 @5 p10", "aau|1[5,6)1001 2[6,)1002|repeated 1"},
    {"O4 equal proves nothing", "u1 @5 p10; u2 @6 p10; u3 @5 p10",
     "aaa|1[5,6)1001 3[6,)1003|reordered 1"},
    {"O4 newer is none", "u1 @5 p20; u2 @6 p10", "aa|1[5,6)1001 2[6,)1002|"},
    {"O4 of the same time is not newer", "u1 @5 p20; u2 @5 p10", "au|1[5,)1001|repeated 1"},
    {"O4 without time is not newer", "u1 @5 p20; u2 p10", "au|1[5,)1001|repeated 1"},
    {"O4 a replaced time is not newer", "u1 @5 p20; u2 @9000 p10", "au|1[5,)1001|repeated 1"},
    {"O4 comparable", "u1 @5 p20; u2 @5 p10 s2", "aa|2[5,)1002|"},
    {"O4 without positions", "u1 @5; u2 @6; u1 @5", "aaa|1[5,)1001|reordered 1"},
    {"O4 the last that carried one", "u1 @5 p20; u2 @6; u3 @5 p10",
     "aau|1[5,6)1001 2[6,)1002|repeated 1"},
    {"O4 op r", "u1 @5 p20; u2 @5 p10 r; u3 @5 p15", "aaa|3[5,)1003|"},
    {"O4 unchanged moves it", "u1 @5 p10; u1 @6 p20; u2 @5 p15", "auu|1[5,)1001|repeated 1"},
    {"O4 it goes down", "u1 @5 p20; u2 @6 p10; u3 @6 p15", "aaa|1[5,6)1001 3[6,)1003|"},
    {"O4 tombstone", "u1 @5 p10; u2 @6 p20; d @4 p5; T", "aauu|1[5,6)1001 2[6,)1002|repeated 2"},
    {"O4 tombstones", "u1 @5 p10; u2 @6 p20; u3 @4 p5; T; T",
     "aauuu|1[5,6)1001 2[6,)1002|repeated 3"},
    {"O4 case 16", "u1 @0 p10; d @5 p20; T; u2 @5 p30; d @5 p20; T; u2 @5 p30",
     "aauauuu|1[0,5)1001 2[5,)1004|repeated 2"},
    {"O4 not in event_time", "u1 @5 p20 e; u2 @5 p10 e", "aa|2[5,)1002|"},

    {"O5 late", "u1 @50 e; u2 @20 e; u3 @19 e", "aal|2[20,50)1002 1[50,)1001|late 1"},
    {"O5 nothing of a log is late", "u1 @50; u2 @1", "aa|2[50,)1002|reordered 1"},
    {"O5 early", "u1 @2001 k1000 e; u2 @2000 k1000 e", "ea|2[2000,)1000|"},
    {"O5 a log's time far ahead", "u1 @2001 k1000", "a|1[1000,)1000|"},
    {"O5 not so far", "u1 @2000 k1000", "a|1[2000,)1000|"},

    {"O6 Kafka timestamp", "u1 @5; T k9", "aa|1[5,9)1001|"},
    {"O6 never before", "u1 @50; T k40", "aa|1[50,51)1001|"},
    {"O6 nor at it", "u1 @50; T k50", "aa|1[50,51)1001|"},
    {"O6 flattened", "u1 @50; d k40", "aa|1[50,51)1001|"},
    {"O6 in event_time", "u1 @50 e; d k40 e", "aa|1[50,51)1001|"},
    {"O6 never late", "u1 @90 e; d k40 e", "aa|1[90,91)1001|"},
    {"O6 a delete of an id never seen", "d k60 e; u1 @40 e",
     "ua|1[40,60)1002|late 1 behind_tombstone 1"},
    {"O6 a tombstone of one", "T k60 e; u1 @40 e", "ua|1[40,)1002|tombstones_unknown 1"},
    {"O6 a tombstone of one that is gone", "u1 @5; T k9; T k20; u2 @8",
     "aaua|1[5,8)1001 2[8,)1004|"},

    {"O7 behind a late delete", "u1 @5 e; u2 @20 e; d @10 e; T k30",
     "aaau|1[5,10)1001 2[20,)1002|late 1"},
    {"O7 behind one too late", "u1 @50 e; d @19 e; T k60", "alu|1[50,)1001|"},
    {"O7 not behind one too early", "u1 @50 k60 e; d @2000 k61 e; T k62", "aea|1[50,62)60|"},
    {"O7 only one", "u1 @50 e; d @19 e; T k60; T k61", "alua|1[50,61)1001|"},
    {"O7 directly", "u1 @50 e; d @19 e; u2 @55 e; T k60", "alaa|1[50,55)1001 2[55,60)1003|"},
    {"O7 a bad record between", "u1 @50 e; d @19 e; x @10 e; T k60", "alxa|1[50,60)1001|"},
    {"O7 of the id by its key only", "u1 @50 e; d @19 e; x @10 e i; T k60", "alxu|1[50,)1001|"},
    {"O7 a replayed record between", "u1 @50 e; d @19 e; u2 @45 b; T k60",
     "alau|2[45,50)1003 1[50,)1001|late 1"},
    {"O7 a replayed bad record between", "u1 @50 e; d @19 e; x @10 b; T k60", "alxu|1[50,)1001|"},
    {"O7 not behind a tombstone", "u1 @5; T k9; u2 @8; T k12", "aaaa|1[5,8)1001 2[8,12)1003|"},

    {"O8 moves", "u1 @5; T k20; u2 @7", "aaa|1[5,7)1001 2[7,)1003|"},
    {"O8 the record wins there", "u1 @5; T k20; u1 @7", "aaa|1[5,)1001|"},
    {"O8 a flattened delete", "u1 @5; d k20; u2 @7", "aaa|1[5,7)1001 2[7,)1003|"},
    {"O8 behind the event before", "u1 @5; T k20; u2 @5", "aaa|1[5,20)1001 2[20,)1003|reordered 1"},
    {"O8 not behind the delete", "u1 @5; T k20; u2 @20", "aaa|1[5,20)1001 2[20,)1003|"},
    {"O8 behind the delete", "u1 @5; T k20; u2 @21", "aaa|1[5,20)1001 2[21,)1003|"},
    {"O8 only an upsert", "u1 @5; T k20; d @7", "aau|1[5,20)1001|reordered 1"},
    {"O8 nothing before", "d k20; u1 @3", "ua|1[3,)1002|"},
    {"O8 the newest goes down", "u1 @5; T k90; u2 @7; u3 @6 b",
     "aaaa|1[5,6)1001 3[6,7)1004 2[7,)1003|late 1"},
    {"O8 case 39", "u1 @5 e; T k20; u1 @5 e; u2 @7 e",
     "aaua|1[5,7)1001 2[7,20)1004|late 2 behind_tombstone 2"},
    {"O8 counts what is too late", "u1 @5 e; T k60; u2 @7 e", "aal|1[5,60)1001|behind_tombstone 1"},
    {"O8 not by a delete with a time", "u1 @5 e; d @20 e; u2 @7 e",
     "aaa|1[5,7)1001 2[7,20)1003|late 1"},
    {"O8 not before the event before", "u1 @5 e; T k20; u2 @4 e",
     "aaa|2[4,5)1003 1[5,20)1001|late 1"},

    {"O9 ends", "u1 @5; t @8", "at|1[5,8)1001|"},
    {"O9 strictly", "u1 @8; t @8", "at|1[8,)1001|"},
    {"O9 not a newer row", "u1 @9; t @8", "at|1[9,)1001|"},
    {"O9 by position", "u1 @9 p10; t @8 p20", "at||"},
    {"O9 by position, older", "u1 @5 p30; t @8 p20", "at|1[5,)1001|"},
    {"O9 by position, strictly", "u1 @5 p20; t @8 p20", "at|1[5,)1001|"},
    {"O9 comparable", "u1 @5 p30; t @8 p20 s2", "at|1[5,8)1001|"},
    {"O9 of the last record", "u1 @5 p30; u2 @6; t @8 p20", "aat|1[5,6)1001 2[6,8)1002|"},
    {"O9 by the time after O3", "u1 @9; u2 @5; t @8", "aat|2[9,)1002|reordered 1"},
    {"O9 behind it in its partition", "u1 @5 o9; t @8 o3", "at|1[5,)1001|"},
    {"O9 in another partition", "u1 @5 o9 n1; t @8 o3", "at|1[5,8)1001|"},
    {"O9 without time", "u1 @5; t k20", "at|1[5,20)1001|"},
    {"O9 without time, never before", "u1 @50 p10; t k20 p20", "at|1[50,51)1001|"},
    {"O9 a time far ahead", "u1 @5; t @2001 k1000", "at|1[5,1000)1001|"},
    {"O9 in event_time by time", "u1 @5 p30 e; t @8 p20 e", "at|1[5,8)1001|"},
    {"O9 of an id that is gone", "u1 @5; d @6; t @8", "aat|1[5,6)1001|"},
    {"O9 floor, id never seen", "t @8; u1 @5 n1", "ta|1[5,8)1002|"},
    {"O9 floor, by position", "t @8 p20; u1 @5 p10", "ta|1[5,)1002|"},
    {"O9 floor, by position in another partition", "t @8 p20; u1 @5 p10 n1", "ta|1[5,8)1002|"},
    {"O9 floor, behind by position", "t @8 p20; u1 @5 p30 n1", "ta|1[5,)1002|"},
    {"O9 floor, strictly", "t @8; u1 @8 n1", "ta|1[8,)1002|"},
    {"O9 floor, a row that is gone", "u1 @5 n1; t @8; u2 @6 n1", "ata|1[5,6)1001 2[6,8)1003|"},
    {"O9 floor and O3", "u1 @5 n1; t @8; u2 @3 n1", "ata|2[5,8)1003|reordered 1"},
    {"O9 floor, a delete", "u1 @5 n1; t @8; d @6 n1", "ata|1[5,6)1001|"},
    {"O9 floor, a newer event", "u1 @5 n1; t @8; u2 @9 n1; u3 @6 n1",
     "ataa|1[5,8)1001 3[9,)1004|reordered 1"},
    {"O9 floor, a newer event that has no position",
     "u1 @5 p10 n1; t @8 p20; u2 @9 n1; u3 @6 p15 n1", "ataa|1[5,8)1001 3[9,)1004|reordered 1"},
    {"O9 floor, a newer event by position", "u1 @5 p10 n1; t @8 p20; u2 @9 p30 n1; u3 @6 p15 n1 r",
     "ataa|1[5,8)1001 3[9,)1004|reordered 1"},
    {"O9 floor, a record of its time or newer by position", "t @8 p20; u1 @9 p10 n1", "tu||"},
    {"O9 floor, a row that it moved the end of", "u1 @5 p5 n1; t @8 p20; u2 @9 p10 n1",
     "ata|1[5,9)1001|"},
    {"O9 floor, and a delete that moves (O8)", "u1 @5 p5 n1; t @8 p20; d e k30 n1; u2 @9 p10 n1",
     "atua|1[5,9)1001|"},
    {"O9 floor, and a delete that moves (O8), behind by position",
     "u1 @5 p5 n1; t @8 p20; d e k30 n1; u2 @9 p30 n1", "atua|1[5,8)1001 2[9,)1004|"},
    {"O9 floor, the position stays", "u1 @5 p10 n1; t @8 p30; u2 @6 p20 n1",
     "ata|1[5,6)1001 2[6,8)1003|"},
    {"O9 floor, not for a repeat", "u1 @5 p10 n1; u2 @6 p20 n1; t @8 p30; u1 @5 p10 n1",
     "aatu|1[5,6)1001 2[6,8)1002|repeated 1"},
    {"O9 floor, re-sent as a whole", "u1 @5 n1; u2 @6 n1; t @8; u1 @5 n1; u2 @6 n1",
     "aataa|1[5,6)1001 2[6,8)1005|reordered 1"},
    {"O9 floor and O8", "u1 @5 n1; T k20 n1; t @8; u2 @7 n1", "aata|1[5,7)1001 2[7,8)1004|"},
    {"O9 floor, of a log only", "t @8; u1 @5 n1 e", "ta|1[5,)1002|"},
    {"O9 floor, the latest", "t @8; t @3 n2; u1 @5 n1", "tta|1[5,8)1003|"},
    {"O9 floor, the latest of a partition", "t @8; t @3; u1 @5 n1", "tta|1[5,)1003|"},

    {"O10 by time, no position", "u1 @10 p10; u2 @5 p20 b; u3 @9 p15",
     "aaa|2[5,10)1002 3[10,)1003|late 1 reordered 1"},
    {"O10 current if newest", "u1 @10; u2 @12 b", "aa|1[10,12)1001 2[12,)1002|"},
    {"O10 no repeat", "u1 @10 p20; u2 @5 p10 b", "aa|2[5,10)1002 1[10,)1001|late 1"},
    {"O10 early by replayed_at", "u1 @3600 k1000 q2500 b; u1 @3500 k1000 q2500 b",
     "ea|1[3500,)1000|"},
    {"O10 late", "u1 @50; u2 @10 b", "al|1[50,)1001|"},
    {"O10 truncate by the time of what is current", "u1 @5 p30; u2 @6 b; t @8 p20",
     "aat|1[5,6)1001 2[6,8)1002|"},
    {"O10 truncate, not by what is late", "u1 @9; u2 @6 b; t @8",
     "aat|2[6,9)1002 1[9,)1001|late 1"},

    {"outdated, log", "u1 @5; x @3", "ax|1[5,)1001|outdated"},
    {"O4 a bad record, too", "u1 @5 p20; x @5 p10", "au|1[5,)1001|repeated 1"},
    {"outdated, event_time, older", "u1 @5 e; x @4 e", "ax|1[5,)1001|"},
    {"outdated, event_time, not older", "u1 @5 e; x @5 e", "ax|1[5,)1001|outdated"},
    {"outdated, event_time, no time", "u1 @5 e; x e", "ax|1[5,)1001|outdated"},
    {"outdated, too early", "u1 @50 k60 e; u2 @2000 k61 e", "ae|1[50,)60|outdated"},
    {"outdated, too early, older", "u1 @50 k60 e; u2 @2000 k40 e", "ae|1[50,)60|"},
    {"outdated, too late", "u1 @50 e; u2 @1 e", "al|1[50,)1001|"},
    {"outdated, ends", "u1 @5; x @6; u2 @7", "axa|1[5,7)1001 2[7,)1003|"},
    {"outdated, ends by an older record of a log", "u1 @5; x @6; u2 @3",
     "axa|2[5,)1003|reordered 1"},
    {"outdated, not by an older event", "u1 @5 e; x @6 e; u2 @4 e",
     "axa|2[4,5)1003 1[5,)1001|late 1 outdated"},
    {"outdated, ends by one as new", "u1 @5 e; x @6 e; u1 @5 e", "axu|1[5,)1001|"},
    {"outdated, not by a repeat", "u1 @5 p20; x @6; u1 @4 p10",
     "axu|1[5,)1001|repeated 1 outdated"},
    {"outdated, only current rows", "u1 @5; d @6; x @7", "aax|1[5,6)1001|"},
    {"outdated, an id never seen", "x @5; u1 @6", "xa|1[6,)1002|"},
    {"outdated, gone", "u1 @5; x @7; T k9; u2 @8 b",
     "axaa|1[5,8)1001 2[8,9)1004|late 1 behind_tombstone 1"},
    {"outdated, truncated", "u1 @5; x @6; t @8", "axt|1[5,8)1001|"},

    {"unavailable", "u12 @5; u3 @6 w2", "aa|12[5,6)1001 13[6,)1002|"},
    {"unavailable, nothing else new", "u12 @5; u2 @6 w2", "au|12[5,)1001|"},
    {"unavailable, never seen", "u3 @6 w2; T k9", "mu||tombstones_unknown 1"},
    {"unavailable, gone", "u12 @5; d @6; u3 @7 w2", "aam|12[5,6)1001|"},
    {"unavailable, late", "u12 @5 e; u22 @20 e; u3 @10 w2 e",
     "aaa|12[5,10)1001 13[10,20)1003 22[20,)1002|late 1"},
    {"unavailable, before the first", "u12 @20 e; u3 @10 w2 e", "am|12[20,)1001|"},
    {"unavailable, place after O3", "u12 @5; u22 @9; u3 @7 w2",
     "aaa|12[5,9)1001 23[9,)1003|reordered 1"},
    {"unavailable, malformed leaves O8 alone", "d k20; u3 @7 w2; u1 @21", "uma|1[21,)1003|"},
};

struct item { /* one record of a script */
    bool is_truncate;
    struct order_record record;
};

static void parse_word(struct item *item, const char *word) {
    struct order_record *r = &item->record;
    int64_t n = strtoll(word + 1, NULL, word[0] == 'u' ? 16 : 10);
    switch (word[0]) {
    case 'u':
        r->kind = ORDER_UPSERT, r->value = (int)n;
        break;
    case 'd':
        r->kind = ORDER_DELETE;
        break;
    case 'T':
        r->kind = ORDER_TOMBSTONE;
        break;
    case 'x':
        r->kind = ORDER_REJECTED;
        break;
    case 't':
        item->is_truncate = true;
        break;
    case '@':
        r->has_time = true, r->at = n;
        break;
    case 'k':
        r->kafka_ms = r->early_after_ms = n;
        break;
    case 'q':
        r->early_after_ms = n;
        break;
    case 'p':
        r->position.exists = true, r->position.at = n;
        break;
    case 's':
        r->position.source = (int)n;
        break;
    case 'n':
        r->input.partition = (int)n;
        break;
    case 'o':
        r->input.offset = n;
        break;
    case 'w':
        r->unavailable = (unsigned)n;
        break;
    case 'e':
        r->is_log = false;
        break;
    case 'b':
        r->by_time = true;
        break;
    case 'r':
        r->is_read = true;
        break;
    case 'i':
        r->id_from_value = false;
        break;
    default:
        fail_msg("%s", word);
    }
}

/* `text` is cut to pieces. `i` counts from 1. */
static struct item parse_item(char *text, int i) {
    struct item item = {false,
                        {.is_log = true,
                         .id_from_value = true,
                         .kafka_ms = 1000 + i,
                         .early_after_ms = 1000 + i,
                         .position = {.source = 1},
                         .input = {0, i}}};
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        parse_word(&item, word);
    return item;
}

static struct order_truncate truncate_of(const struct order_record *r) {
    return (struct order_truncate){r->is_log,   r->has_time, r->at,
                                   r->kafka_ms, r->position, r->input};
}

static void put_versions(struct buf *out, const struct order_model *m) {
    size_t n;
    struct model_version *versions = order_model_versions(m, &n);
    for (size_t i = 0; i < n; i++) {
        const struct model_version *v = &versions[i];
        buf_printf(out, "%s%x[%lld,", i > 0 ? " " : "", (unsigned)v->value, (long long)v->from);
        if (v->to != TIMESTAMP_NONE)
            buf_printf(out, "%lld", (long long)v->to);
        buf_printf(out, ")%lld", (long long)v->loaded_at);
    }
    free(versions);
}

static void put_counter(struct buf *out, const char *name, int64_t n) {
    if (n != 0)
        buf_printf(out, "%s%s %lld", out->p[out->n - 1] == '|' ? "" : " ", name, (long long)n);
}

static void put_result(struct buf *out, const struct order_model *m) {
    const struct order_counters *c = &m->counters;
    buf_put_byte(out, '|');
    put_versions(out, m);
    buf_put_byte(out, '|');
    put_counter(out, "late", c->late);
    put_counter(out, "reordered", c->reordered);
    put_counter(out, "repeated", c->repeated);
    put_counter(out, "behind_tombstone", c->behind_tombstone);
    put_counter(out, "tombstones_unknown", c->tombstones_unknown);
    if (order_model_is_outdated(m))
        buf_put_str(out, out->p[out->n - 1] == '|' ? "outdated" : " outdated");
}

/* One id and its entity's floor. */
struct script {
    struct order_model_options options;
    struct order_model_floor floor;
    struct order_model model;
};

static char apply_item(struct script *s, const struct item *item) {
    if (!item->is_truncate)
        return "aulemx"[order_model_apply(&s->model, &s->options, &s->floor, &item->record)];
    const struct order_truncate t = truncate_of(&item->record);
    const struct order_model_floor floor = order_model_floor_of(&s->options, &t);
    order_model_truncate(&s->model, &s->options, &floor);
    order_model_floor_raise(&s->floor, &s->options, &floor);
    return 't';
}

static struct order_model_options options_with(enum order_mistake mistake) {
    return (struct order_model_options){
        .late_window_ms = 30, .future_window_ms = 1000, .mistake = mistake};
}

static void run_script(const char *text, const struct order_model_options *options,
                       struct buf *out) {
    struct script s = {.options = *options};
    char *copy = mem_strdup(text), *rest = NULL;
    int i = 0;
    order_model_init(&s.model);
    for (char *part = strtok_r(copy, ";", &rest); part != NULL; part = strtok_r(NULL, ";", &rest)) {
        const struct item item = parse_item(part, ++i);
        buf_put_byte(out, apply_item(&s, &item));
    }
    put_result(out, &s.model);
    order_model_release(&s.model);
    free(copy);
}

/* How many rows have another result. */
static int rows_that_differ(const struct order_model_options *options, bool show) {
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};
        run_script(rows[i].script, options, &out);
        bool same = slice_eq(buf_slice(&out), slice_str(rows[i].result));
        if (!same && show)
            print_error("%s: %s\n  is  %.*s\n  not %s\n", rows[i].rule, rows[i].script, (int)out.n,
                        out.p, rows[i].result);
        n += !same;
        buf_release(&out);
    }
    return n;
}

static void test_order_model__rules(void **state) {
    (void)state;
    const struct order_model_options options = options_with(ORDER_MISTAKE_NONE);
    assert_int_equal(rows_that_differ(&options, true), 0);
}

static void test_order_model__readings(void **state) {
    (void)state;
    struct order_model_options options = options_with(ORDER_MISTAKE_NONE);
    struct buf out = {0};
    options.forgets = true; /* what is forgotten is missed by none of the rows */
    assert_int_equal(rows_that_differ(&options, true), 0);
    options.floor_by_time = true;
    run_script("t @8; u1 @5 n1 e; u2 @9 n1 e; u3 @6 n1 e", &options, &out);
    assert_text(buf_slice(&out), "taaa|1[5,6)1002 3[6,8)1004 2[9,)1003|late 1");
    buf_release(&out);
}

static int rows_that_notice(enum order_mistake mistake) {
    const struct order_model_options options = options_with(mistake);
    return rows_that_differ(&options, false);
}

/* --- random logs of one id, from the database's side --- */

struct format {
    const char *name;
    bool has_companions;  /* a tombstone behind each delete */
    bool tombstones_only; /* instead of deletes */
    bool timeless;        /* deletes have no time of their own */
    bool has_positions, some_equal;
};
static const struct format formats[] = {
    {"envelope, positions", true, false, false, true, false},
    {"envelope, equal positions", true, false, false, true, true},
    {"envelope", true, false, false, false, false},
    {"rewrite, positions", false, false, false, true, false},
    {"rewrite", false, false, false, false, false},
    {"tombstones, positions", false, true, false, true, false},
    {"tombstones", false, true, false, false, false},
    {"flattened without time, positions", true, false, true, true, false},
    {"flattened without time", true, false, true, false, false},
};

enum { LOG_MAX = 128 };
struct change { /* what the database did, as the connector tells it */
    int value;  /* MODEL_DELETED: a delete */
    int64_t at, position;
    bool is_read, is_truncate;
};
struct log {
    struct change changes[LOG_MAX];
    /* The first `sent_once` are the log, each once; the others are re-sent. */
    size_t count, sent_once;
    int live; /* what the database holds in the end */
};

static int64_t any_of(struct rng *r, const int64_t *values, size_t n) {
    return values[rng_below(r, (int64_t)n)];
}
#define ANY_OF(r, ...)                                                                             \
    any_of(r, (const int64_t[]){__VA_ARGS__},                                                      \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static struct log random_database(struct rng *r) {
    struct log l = {.live = MODEL_DELETED};
    int64_t clock = 1000, position = 10, n = 1 + rng_below(r, 11);
    while ((int64_t)l.count < n) {
        clock += rng_chance(r, 85) ? ANY_OF(r, 0, 0, 1, 5, 50) : -ANY_OF(r, 1, 20, 100);
        position += ANY_OF(r, 1, 1, 3);
        bool is_delete = l.live != MODEL_DELETED && rng_chance(r, 25);
        l.live = is_delete ? MODEL_DELETED : (int)rng_below(r, 3);
        l.changes[l.count++] = (struct change){l.live, clock, position, false, false};
    }
    return l;
}

/* The first changes are told as one snapshot row, stamped later. */
static void begin_with_snapshot(struct rng *r, struct log *l) {
    size_t k = (size_t)rng_below(r, (int64_t)l->count + 1);
    struct log rest = {.live = l->live};
    if (k > 0 && l->changes[k - 1].value != MODEL_DELETED) {
        struct change row = l->changes[k - 1];
        row.at += ANY_OF(r, 0, 3, 60);
        row.is_read = true;
        rest.changes[rest.count++] = row;
    }
    for (size_t i = k; i < l->count; i++)
        rest.changes[rest.count++] = l->changes[i];
    *l = rest;
}

/* The connector crashes and sends again from somewhere; never the snapshot. */
static void send_again(struct rng *r, struct log *l) {
    size_t first = l->count > 0 && l->changes[0].is_read ? 1 : 0;
    if (l->count == first)
        return;
    size_t n = l->count, from = first + (size_t)rng_below(r, (int64_t)(n - first));
    for (size_t i = from; i < n && l->count < LOG_MAX; i++)
        l->changes[l->count++] = l->changes[i];
}

static struct log random_log(uint64_t seed) {
    struct rng r = rng_seeded(seed);
    struct log l = random_database(&r);
    if (rng_chance(&r, 40))
        begin_with_snapshot(&r, &l);
    l.sent_once = l.count;
    for (int64_t crashes = rng_below(&r, 3); crashes > 0; crashes--)
        send_again(&r, &l);
    return l;
}

/* The topic's next record of the id. */
static void send(struct script *s, struct order_record r) {
    const struct order_counters *c = &s->model.counters;
    r.is_log = true;
    r.early_after_ms = r.kafka_ms;
    r.input = (struct order_input){1, c->applied + c->unchanged};
    order_model_apply(&s->model, &s->options, &s->floor, &r);
}

/* Truncates lie in another partition. */
static void send_truncate(struct script *s, const struct change *c, struct order_position position,
                          int64_t kafka_ms) {
    const struct order_truncate t = {true, true, c->at, kafka_ms, position, {0, c->position}};
    const struct order_model_floor floor = order_model_floor_of(&s->options, &t);
    order_model_truncate(&s->model, &s->options, &floor);
    order_model_floor_raise(&s->floor, &s->options, &floor);
}

static void send_change(struct script *s, const struct format *f, const struct change *c,
                        int64_t kafka_ms) {
    const bool is_delete = c->value == MODEL_DELETED;
    const struct order_position position = {f->has_positions,
                                            f->some_equal ? c->position / 4 : c->position, 1};
    const struct order_record tombstone = {.kind = ORDER_TOMBSTONE, .kafka_ms = kafka_ms + 1};
    const struct order_record r = {
        .kind = is_delete ? ORDER_DELETE : ORDER_UPSERT,
        .value = is_delete ? 0 : c->value,
        .is_read = c->is_read,
        .has_time = !is_delete || !f->timeless,
        .at = c->at,
        .kafka_ms = kafka_ms,
        .position = position,
    };
    if (c->is_truncate) {
        send_truncate(s, c, position, kafka_ms);
        return;
    }
    if (!is_delete || !f->tombstones_only)
        send(s, r);
    if (is_delete && (f->has_companions || f->tombstones_only))
        send(s, tombstone);
}

/* What the first `count` changes make of an id; the caller releases it. */
static struct order_model play(const struct log *l, size_t count, const struct format *f,
                               enum order_mistake mistake) {
    struct script s = {.options = options_with(mistake)};
    struct rng lag = rng_seeded(l->sent_once);
    int64_t kafka_ms = 1000;
    order_model_init(&s.model);
    for (size_t i = 0; i < count; i++) {
        kafka_ms =
            (kafka_ms > l->changes[i].at ? kafka_ms : l->changes[i].at) + ANY_OF(&lag, 1, 5, 200);
        send_change(&s, f, &l->changes[i], kafka_ms);
    }
    return s.model;
}

static bool same_history(const struct order_model *a, const struct order_model *b) {
    struct buf left = {0}, right = {0};
    put_versions(&left, a);
    put_versions(&right, b);
    bool same = slice_eq(buf_slice(&left), buf_slice(&right));
    buf_release(&left);
    buf_release(&right);
    return same;
}

static const char *check_log(uint64_t seed, const struct format *f, enum order_mistake mistake) {
    const struct log l = random_log(seed);
    struct order_model once = play(&l, l.sent_once, f, mistake),
                       all = play(&l, l.count, f, mistake);
    const char *fault = NULL;
    if (order_model_current(&once, NULL) != l.live || order_model_current(&all, NULL) != l.live)
        fault = "the current row is not what the database holds";
    else if (f->has_positions && !f->some_equal && !f->tombstones_only && !f->timeless &&
             !same_history(&once, &all))
        fault = "what was re-sent changed the history";
    order_model_release(&once);
    order_model_release(&all);
    return fault;
}

static void test_order_model__ends_with_what_the_database_holds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(2000); seed++) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
            const char *fault = check_log(seed, &formats[i], ORDER_MISTAKE_NONE);
            if (fault != NULL)
                fail_msg("seed %llu, %s: %s", (unsigned long long)seed, formats[i].name, fault);
        }
    }
}

/* --- true clocks: what was so when --- */

/* Clock and position only rise; deletes, inserts and truncates, which arrive earlier or later than
 * the rest. */
static struct log true_log(uint64_t seed) {
    struct rng r = rng_seeded(seed);
    struct log l = {.live = MODEL_DELETED};
    int64_t clock = 1000;
    size_t n = 1 + (size_t)rng_below(&r, 11);
    for (size_t i = 0; i < n; i++) {
        clock += ANY_OF(&r, 1, 2, 5, 50);
        bool is_truncate = rng_chance(&r, 15);
        bool is_delete = is_truncate || (l.live != MODEL_DELETED && rng_chance(&r, 25));
        l.live = is_delete ? MODEL_DELETED : (int)rng_below(&r, 3);
        l.changes[i] = (struct change){l.live, clock, clock, false, is_truncate};
    }
    for (size_t i = 0; i + 1 < n; i++) { /* records of the id among themselves stay in order */
        struct change *c = &l.changes[i];
        if (c[0].is_truncate != c[1].is_truncate && rng_chance(&r, 50)) {
            struct change t = c[0];
            c[0] = c[1];
            c[1] = t;
        }
    }
    l.count = l.sent_once = n;
    return l;
}

static int as_of(const struct order_model *m, int64_t at) {
    size_t n;
    struct model_version *versions = order_model_versions(m, &n);
    int value = MODEL_DELETED;
    for (size_t i = 0; i < n; i++) {
        if (versions[i].from <= at && (versions[i].to == TIMESTAMP_NONE || at < versions[i].to))
            value = versions[i].value;
    }
    free(versions);
    return value;
}

static const char *check_true_log(uint64_t seed, const struct format *f,
                                  enum order_mistake mistake) {
    const struct log l = true_log(seed);
    struct order_model m = play(&l, l.count, f, mistake);
    const char *fault = NULL;
    int truncates = 0;
    if (order_model_current(&m, NULL) != l.live)
        fault = "the current row is not what the database holds";
    for (size_t i = 0; i < l.count; i++)
        truncates += l.changes[i].is_truncate;
    for (size_t i = 0; i < l.count && truncates < 2;
         i++) { /* of two truncates only the latest is known */
        const struct change *c = &l.changes[i];
        bool is_known =
            c->value != MODEL_DELETED || (!c->is_truncate && !f->tombstones_only && !f->timeless);
        if (is_known && as_of(&m, c->at) != c->value)
            fault = "as of a change, it is not what the database held then";
    }
    order_model_release(&m);
    return fault;
}

static void test_order_model__knows_what_was_when(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(2000); seed++) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
            if (formats[i].some_equal) /* a truncate of a row's position does not end it */
                continue;
            const char *fault = check_true_log(seed, &formats[i], ORDER_MISTAKE_NONE);
            if (fault != NULL)
                fail_msg("seed %llu, %s: %s", (unsigned long long)seed, formats[i].name, fault);
        }
    }
}

static int logs_that_notice(enum order_mistake mistake) {
    int n = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
            n += check_log(seed, &formats[i], mistake) != NULL;
            n += !formats[i].some_equal && check_true_log(seed, &formats[i], mistake) != NULL;
        }
    }
    return n;
}

/* --- every mistake is noticed --- */

static void test_order_model__mistakes_are_noticed(void **state) {
    (void)state;
    int missed = 0;
    for (enum order_mistake i = ORDER_MISTAKE_NONE + 1; i < ORDER_MISTAKE_COUNT; i++) {
        int by_rows = rows_that_notice(i), by_logs = logs_that_notice(i);
        if (getenv("SHOW") != NULL)
            print_message("%s: %d rows, %d random logs\n", order_mistake_names[i], by_rows,
                          by_logs);
        if (by_rows == 0) {
            print_error("%s: no row of the table notices it\n", order_mistake_names[i]);
            missed++;
        }
    }
    assert_int_equal(missed, 0);
}

/* --- O2: a function of the set --- */

enum { SET_MAX = 12 };

static void shuffle(struct rng *r, struct order_record *records, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, (int64_t)i);
        struct order_record t = records[i - 1];
        records[i - 1] = records[j];
        records[j] = t;
    }
}

/* Without loaded_at, which is that of the first of several exact repeats to arrive. */
static void put_set_history(struct buf *out, const struct order_record *records, size_t n) {
    const struct order_model_options o = {.late_window_ms = 1000, .future_window_ms = 1000};
    const struct order_model_floor no_floor = {0};
    struct order_model m;
    size_t count;
    order_model_init(&m);
    for (size_t i = 0; i < n; i++)
        order_model_apply(&m, &o, &no_floor, &records[i]);
    struct model_version *versions = order_model_versions(&m, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%d %lld %lld\n", versions[i].value, (long long)versions[i].from,
                   (long long)versions[i].to);
    free(versions);
    order_model_release(&m);
}

static void test_order_model__event_time_is_a_function_of_the_set(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(2000); seed++) {
        struct rng r = rng_seeded(seed);
        struct order_record records[SET_MAX];
        struct buf first = {0}, second = {0};
        for (size_t i = 0; i < SET_MAX; i++)
            records[i] =
                (struct order_record){.kind = rng_chance(&r, 20) ? ORDER_DELETE : ORDER_UPSERT,
                                      .value = (int)rng_below(&r, 3),
                                      .has_time = true,
                                      .at = rng_below(&r, 10),
                                      .input = {0, (int64_t)i}};
        put_set_history(&first, records, SET_MAX);
        shuffle(&r, records, SET_MAX);
        put_set_history(&second, records, SET_MAX);
        if (!slice_eq(buf_slice(&first), buf_slice(&second)))
            fail_msg("seed %llu", (unsigned long long)seed);
        buf_release(&first);
        buf_release(&second);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_model__rules),
        cmocka_unit_test(test_order_model__readings),
        cmocka_unit_test(test_order_model__ends_with_what_the_database_holds),
        cmocka_unit_test(test_order_model__knows_what_was_when),
        cmocka_unit_test(test_order_model__event_time_is_a_function_of_the_set),
        cmocka_unit_test(test_order_model__mistakes_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
