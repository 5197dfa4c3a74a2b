using System.Globalization;
using Npgsql;

namespace ChatCqrs.Acceptance.Server;

/// <summary>A PostgreSQL database, named by a libpq URI (PostgreSQL manual, section 34.1.1.2).</summary>
public sealed record PostgresUri(string Text)
{
    private const int DefaultPort = 5432;

    /// <summary>Another database on the same server.</summary>
    public PostgresUri Database(string name) => new(new UriBuilder(Text) { Path = "/" + name }.Uri.AbsoluteUri);

    /// <summary>Npgsql's connection string; without pooling, because databases and servers here come and go.</summary>
    public string ForNpgsql()
    {
        var uri = new Uri(Text);
        var user = uri.UserInfo.Split(':', 2);
        var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[^1]));
        return new NpgsqlConnectionStringBuilder
        {
            Host = query.GetValueOrDefault("host", uri.Host),
            Port = uri.Port > 0
                ? uri.Port
                : int.Parse(query.GetValueOrDefault("port", $"{DefaultPort}"), CultureInfo.InvariantCulture),
            Database = uri.AbsolutePath.Trim('/'),
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            Pooling = false,
            Timeout = 5,
        }.ConnectionString;
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(ForNpgsql());
        await connection.OpenAsync();
        return connection;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
