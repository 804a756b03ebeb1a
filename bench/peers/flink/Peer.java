import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.hadoop.HadoopCatalog;

/**
 * Apache Flink that does what it is told, a line at a time, so that one warm JVM runs many jobs:
 *
 *   set <key> <value>                        a setting of the jobs that come
 *   run <SQL>                                a statement; a job is waited for
 *   rows <SQL>                               its rows from catalogs that were made, each a line "row <a> <b> …" with tabs between
 *   partition <warehouse> <table> <column>   by the UTC day of the column, hidden: Flink SQL has no word for it
 *
 * Each is answered by "done", or "failed <why>"; warehouse and table without spaces.
 */
public final class Peer {
  public static void main(String[] arguments) throws Exception {
    var settings = EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(new Configuration()).build();
    var flink = TableEnvironment.create(settings);
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println("done");
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      try {
        obey(flink, line);
        System.out.println("done");
      } catch (Exception error) {
        error.printStackTrace();
        System.out.println("failed " + String.valueOf(error.getMessage()).replace('\n', ' '));
      }
    }
  }

  private static void obey(TableEnvironment flink, String line) throws Exception {
    var words = line.split(" ", 2);
    switch (words[0]) {
      case "set" -> {
        var pair = words[1].split(" ", 2);
        flink.getConfig().set(pair[0], pair[1]);
      }
      case "run" -> flink.executeSql(words[1]).await();
      case "rows" -> {
        // Bounded: a stream would give each number as often as it changes.
        var once = TableEnvironment.create(EnvironmentSettings.inBatchMode());
        once.getConfig().set("table.local-time-zone", "UTC");
        for (var name : flink.listCatalogs()) {
          if (!once.getCatalog(name).isPresent()) once.registerCatalog(name, flink.getCatalog(name).orElseThrow());
        }
        try (CloseableIterator<Row> rows = once.executeSql(words[1]).collect()) {
          while (rows.hasNext()) System.out.println("row " + text(rows.next()));
        }
      }
      case "partition" -> {
        var three = words[1].split(" ");
        try (var catalog = new HadoopCatalog(new org.apache.hadoop.conf.Configuration(), three[0])) {
          catalog.loadTable(TableIdentifier.parse(three[1])).updateSpec().addField(Expressions.day(three[2])).commit();
        }
      }
      default -> throw new IllegalArgumentException("there is no " + words[0]);
    }
  }

  private static String text(Row row) {
    return IntStream.range(0, row.getArity()).mapToObj(at -> String.valueOf(row.getField(at))).collect(Collectors.joining("\t"));
  }
}
