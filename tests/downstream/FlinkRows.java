import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

/**
 * Makes a table by a statement of SQL, reads what is there, and prints the rows that are left:
 * java FlinkRows.java FILE.sql TABLE
 */
public class FlinkRows {
    public static void main(String[] args) throws Exception {
        var tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.getConfig().set("table.local-time-zone", "UTC");
        tables.getConfig().set("parallelism.default", "1");
        tables.executeSql(Files.readString(Path.of(args[0])));
        var result = tables.executeSql("SELECT * FROM " + args[1]
            + " /*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */");
        var rows = new HashMap<Object, Row>();
        try (var changes = result.collect()) {
            while (changes.hasNext()) {
                var row = changes.next();
                if (row.getKind() == RowKind.DELETE)
                    rows.remove(row.getField(0));
                else if (row.getKind() != RowKind.UPDATE_BEFORE)
                    rows.put(row.getField(0), row);
            }
        }
        for (var row : rows.values()) {
            var line = new StringBuilder("ROW");
            for (int i = 0; i < row.getArity(); i++)
                line.append('\t').append(row.getField(i));
            System.out.println(line);
        }
    }
}
