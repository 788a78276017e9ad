// JDBC: metadata, fetch sizes, batches, generated keys, savepoints, updatable result sets, server-prepared statements.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;

public class JdbcRows {
    static int count = 0;

    static void isEqual(Object got, Object wanted, String name) {
        boolean same = Objects.equals(got, wanted);
        count++;
        System.out.println((same ? "ok " : "not ok ") + count + " - " + name);
        if (!same) System.out.println("# got    " + got + "\n# wanted " + wanted);
    }

    static String sandbox(String method, String path) throws Exception {
        URI uri = URI.create(System.getenv("WALCU_ENDPOINT") + "/_sandbox/" + path);
        HttpRequest request = HttpRequest.newBuilder(uri).method(method, HttpRequest.BodyPublishers.noBody()).build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    static long documents(String resource) throws Exception {
        return sandbox("GET", "dump/" + resource).chars().filter(c -> c == '\n').count();
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) values.add(rows.getString(name));
        return values;
    }

    static void testMetadata(Connection connection) throws Exception {
        var data = connection.getMetaData();
        isEqual(column(data.getTables(null, "crm", "notes", new String[] {"FOREIGN TABLE"}), "TABLE_NAME"),
            List.of("notes"), "getTables has foreign tables where they are asked for");
        isEqual(column(data.getTables(null, "crm", "notes", new String[] {"TABLE", "VIEW"}), "TABLE_NAME"),
            List.of(), "and not among tables and views");
        isEqual(column(data.getTables(null, "crm_app", "notes", new String[] {"TABLE", "VIEW"}), "TABLE_NAME"),
            List.of("notes"), "the views are");
        for (String schema : new String[] {"crm", "crm_app"}) {
            var names = new TreeSet<>(column(data.getColumns(null, schema, "notes", "%"), "COLUMN_NAME"));
            isEqual(names.containsAll(List.of("_id", "content", "custom", "created_at")), true, schema + ": getColumns");
        }
    }

    static void testBatches(Connection connection, String schema) throws Exception {
        sandbox("DELETE", "documents/notes");
        connection.setAutoCommit(false);
        String insert = "INSERT INTO " + schema + ".notes (content, created_at, custom) VALUES (?, ?, ?::jsonb)";
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            for (int i = 0; i < 40; i++) {
                statement.setString(1, "note " + i);
                statement.setNull(2, Types.TIMESTAMP_WITH_TIMEZONE);
                statement.setString(3, i % 2 == 0 ? null : "{\"n\": " + i + "}");
                statement.addBatch();
            }
            isEqual(Arrays.stream(statement.executeBatch()).allMatch(n -> n == 1 || n == Statement.SUCCESS_NO_INFO), true,
                schema + ": a batch of inserts");
            isEqual(documents("notes"), 0L, schema + ": nothing is sent yet");
            connection.commit();
            isEqual(documents("notes"), 40L, schema + ": commit sends them");
            statement.setString(1, "good");
            statement.setNull(2, Types.TIMESTAMP_WITH_TIMEZONE);
            statement.setString(3, null);
            statement.addBatch();
            statement.setTimestamp(2, new Timestamp(0));
            statement.addBatch();
            String state = null;
            try {
                statement.executeBatch();
            } catch (BatchUpdateException error) {
                state = error.getSQLState();
            }
            connection.rollback();
            isEqual(state, "428C9", schema + ": a batch with a value that cannot be written");
            isEqual(documents("notes"), 40L, schema + ": leaves nothing");
        }
        try (PreparedStatement statement = connection.prepareStatement(
                 "INSERT INTO " + schema + ".notes (content) VALUES (?)", new String[] {"_id"})) {
            statement.setString(1, "keyed");
            statement.executeUpdate();
            ResultSet keys = statement.getGeneratedKeys();
            keys.next();
            isEqual(keys.getString(1).length(), 24, schema + ": generated keys");
            connection.commit();
        }
    }

    static void testFetchSize(Connection connection, String schema) throws Exception {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement(
                 "SELECT _id, content, created_at, custom, __v FROM " + schema + ".notes WHERE content LIKE ? ORDER BY _id")) {
            statement.setFetchSize(7);
            // the sixth time and later it is a statement that the server has prepared, with binary values
            for (int round = 1; round <= 7; round++) {
                statement.setString(1, "note %");
                ResultSet rows = statement.executeQuery();
                List<String> ids = new ArrayList<>();
                boolean dated = true;
                while (rows.next()) {
                    ids.add(rows.getString("_id"));
                    dated = dated && rows.getTimestamp("created_at") != null && rows.getBigDecimal("__v").intValue() == 0;
                }
                if (round == 1 || round == 7)
                    isEqual(ids.size() + " " + dated + " " + ids.equals(new ArrayList<>(new TreeSet<>(ids))), "40 true true",
                        schema + ": setFetchSize, time " + round);
            }
        }
        connection.commit();
    }

    static void testTransactions(Connection connection, String schema) throws Exception {
        sandbox("DELETE", "documents/notes");
        connection.setAutoCommit(false);
        Statement statement = connection.createStatement();
        statement.executeUpdate("INSERT INTO " + schema + ".notes (content) VALUES ('outer')");
        Savepoint savepoint = connection.setSavepoint();
        statement.executeUpdate("INSERT INTO " + schema + ".notes (content) VALUES ('inner')");
        connection.rollback(savepoint);
        connection.commit();
        isEqual(documents("notes"), 1L, schema + ": a savepoint");
        statement.executeUpdate("DELETE FROM " + schema + ".notes");
        connection.rollback();
        isEqual(documents("notes"), 1L, schema + ": rollback");
        connection.setReadOnly(true);
        String state = null;
        try {
            statement.executeUpdate("DELETE FROM " + schema + ".notes");
        } catch (SQLException error) {
            state = error.getSQLState();
        }
        connection.rollback();
        connection.setReadOnly(false);
        isEqual(state, "25006", schema + ": setReadOnly");
        connection.setAutoCommit(true);
        isEqual(statement.executeUpdate("DELETE FROM " + schema + ".notes WHERE content = 'outer'"), 1,
            schema + ": each statement for itself");
        isEqual(documents("notes"), 0L, schema + ": is sent when it ends");
    }

    public static void main(String[] arguments) throws Exception {
        sandbox("POST", "reset");
        String url = String.format("jdbc:postgresql://%s:%s/%s?user=%s", System.getenv("PGHOST"), System.getenv("PGPORT"),
            System.getenv("PGDATABASE"), System.getenv("PGUSER"));
        try (Connection connection = DriverManager.getConnection(url)) {
            testMetadata(connection);
            for (String schema : new String[] {"crm", "crm_app"}) {
                testBatches(connection, schema);
                testFetchSize(connection, schema);
                testTransactions(connection, schema);
            }
        }
        try (Connection connection = DriverManager.getConnection(url + "&reWriteBatchedInserts=true")) {
            testBatches(connection, "crm");
        }
        System.out.println("1.." + count);
    }
}
