{# A timestamp in UTC, cut to milliseconds, from an ISO-8601 date or date-time, or from epoch
   seconds, milliseconds, microseconds or nanoseconds, told by their digits; else null. #}
{% macro to_timestamp_utc(text) -%}
    {%- set iso = "\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
        ~ "(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?)?" -%}
    {%- set number = to_bigint(text) -%}
    case
        when {{ number }} >= 100000000 and regexp_matches({{ text }}, '^[1-9]')
            then make_timestamp_ms(
                case length(({{ number }})::text)
                    when 9 then {{ number }} * 1000
                    when 10 then {{ number }} * 1000
                    when 12 then {{ number }}
                    when 13 then {{ number }}
                    when 15 then {{ number }} // 1000
                    when 16 then {{ number }} // 1000
                    when 18 then {{ number }} // 1000000
                    when 19 then {{ number }} // 1000000
                end
            )
        when regexp_full_match({{ text }}, '{{ iso }}') and {{ text }} >= '0001'
            then date_trunc('milliseconds', try_cast({{ text }} as timestamptz) at time zone 'UTC')
    end
{%- endmacro %}

{# When this run began: the time at which everything in the landing folder counts as received. #}
{% macro run_started_at_utc() -%}
    timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}'
{%- endmacro %}
