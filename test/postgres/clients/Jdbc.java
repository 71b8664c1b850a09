import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;

/** pgjdbc: prepared statements beyond its threshold (binary then), a batch, fetch size, generated keys, metadata, serializable. */
public class Jdbc {
  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  public static void main(String[] arguments) throws Exception {
    String url = "jdbc:postgresql://" + arguments[0] + ":" + arguments[1] + "/" + arguments[4];
    try (Connection connection = DriverManager.getConnection(url, arguments[2], arguments[3])) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("CREATE TABLE c_jdbc (id serial PRIMARY KEY, name text, n bigint, at timestamptz, ok boolean)");
      }
      String insert = "INSERT INTO c_jdbc (name, n, at, ok) VALUES (?, ?, ?, ?)";
      try (PreparedStatement statement = connection.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
        for (int index = 0; index < 10; index++) {
          statement.setString(1, "name " + index);
          statement.setLong(2, index);
          statement.setTimestamp(3, new Timestamp(0));
          statement.setBoolean(4, true);
          check(statement.executeUpdate() == 1, "one row is inserted");
          ResultSet keys = statement.getGeneratedKeys();
          check(keys.next() && keys.getInt(1) == index + 1, "generated keys are told");
        }
        for (int index = 10; index < 60; index++) {
          statement.setString(1, "name " + index);
          statement.setLong(2, index);
          statement.setTimestamp(3, new Timestamp(0));
          statement.setBoolean(4, false);
          statement.addBatch();
        }
        check(statement.executeBatch().length == 50, "a batch is executed");
      }
      try (PreparedStatement statement = connection.prepareStatement("SELECT n, at, ok FROM c_jdbc WHERE n >= ? ORDER BY n")) {
        for (int round = 0; round < 8; round++) {
          statement.setLong(1, 50);
          ResultSet rows = statement.executeQuery();
          int count = 0;
          while (rows.next()) {
            check(rows.getLong(1) == 50 + count && rows.getTimestamp(2).getTime() == 0 && !rows.getBoolean(3), "values are read");
            count++;
          }
          check(count == 10, "rows are found");
        }
      }
      connection.setAutoCommit(false);
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      try (Statement statement = connection.createStatement()) {
        statement.setFetchSize(7);
        ResultSet rows = statement.executeQuery("SELECT id FROM c_jdbc");
        int count = 0;
        while (rows.next()) count++;
        check(count == 60, "rows come in portions");
        statement.executeUpdate("DELETE FROM c_jdbc");
      }
      connection.rollback();
      connection.setAutoCommit(true);
      try (Statement statement = connection.createStatement()) {
        statement.executeQuery("SELECT nothing FROM c_jdbc");
        throw new AssertionError("an unknown column was taken");
      } catch (SQLException error) {
        check(error.getSQLState().equals("42703"), "the SQLSTATE is told: " + error.getSQLState());
      }
      DatabaseMetaData metadata = connection.getMetaData();
      ResultSet columns = metadata.getColumns(null, "public", "c_jdbc", null);
      int count = 0;
      while (columns.next()) count++;
      check(count == 5, "metadata lists the columns: " + count);
      ResultSet keys = metadata.getPrimaryKeys(null, "public", "c_jdbc");
      check(keys.next() && keys.getString("COLUMN_NAME").equals("id"), "metadata names the primary key");
      check(keys.getInt("KEY_SEQ") == 1 && !keys.next(), "the primary key has one column");
      ResultSet indexes = metadata.getIndexInfo(null, "public", "c_jdbc", true, false);
      check(indexes.next() && indexes.getString("COLUMN_NAME").equals("id"), "metadata lists the indexes");
      ResultSet best = metadata.getBestRowIdentifier(null, "public", "c_jdbc", DatabaseMetaData.bestRowSession, false);
      check(best.next() && best.getString("COLUMN_NAME").equals("id"), "metadata names what identifies a row");
      check(!metadata.getImportedKeys(null, "public", "c_jdbc").next(), "metadata lists foreign keys");
      String keysDid = " of columns, keys and indexes";
      System.out.println("prepared statements; batch; fetch size; generated keys; serializable; metadata" + keysDid);
    }
  }
}
