using System.Globalization;
using ChatCqrs.Bench.Measuring;
using Npgsql;

namespace ChatCqrs.Bench.Systems;

/// <summary>A PostgreSQL on this machine: its address and its processes.</summary>
internal static class PostgresServer
{
    /// <summary>PostgreSQL's first process: the parent of any backend.</summary>
    public static async Task<int> FirstProcessAsync(string connection)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var command = source.CreateCommand("select pg_backend_pid()");
        return ProcFs.ParentOf((int)(await command.ExecuteScalarAsync())!);
    }

    /// <summary>Converts a libpq URI (PostgreSQL manual, section 34.1.1.2) to Npgsql's connection string.</summary>
    public static string ConnectionOf(string address)
    {
        if (!address.StartsWith("postgres", StringComparison.Ordinal))
        {
            return address;
        }

        var uri = new Uri(address);
        var user = uri.UserInfo.Split(':', 2);
        var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = query.GetValueOrDefault("host") ?? Uri.UnescapeDataString(uri.Host),
            Port = uri.Port > 0
                ? uri.Port
                : int.Parse(query.GetValueOrDefault("port") ?? "5432", CultureInfo.InvariantCulture),
            Username = Uri.UnescapeDataString(user[0]),
            Database = uri.AbsolutePath.TrimStart('/') is { Length: > 0 } database ? database : "postgres",
        };
        builder.Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null;
        return builder.ConnectionString;
    }
}
