using ChatCqrs.Application;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The secrets of the salts of heads, kept in memory on the node that makes batches: most streams of a batch were in
/// the one before. Shredding one raises a counter, which is compared before each batch and again in its transaction;
/// then all are forgotten.
/// </summary>
internal sealed class SaltSecrets(Secrets secrets, NpgsqlDataSource database)
{
    /// <summary>Secrets that are kept, some 250 bytes each with their names.</summary>
    private const int KeptMax = 131_072;

    private RecentlyUsed<string, byte[]> _kept = new(KeptMax);
    private long _shreddings = -1;

    /// <summary>Forgets what was shredded since the last time.</summary>
    /// <returns>The counter, for <see cref="IsCurrentAsync"/>.</returns>
    public async Task<long> RefreshAsync(CancellationToken cancellationToken)
    {
        var now = (await database.QueryAsync(CountQuery, row => row.GetInt64(0), cancellationToken)).Single();
        if (now != _shreddings)
            Forget();
        return _shreddings = now;
    }

    /// <summary>Whether nothing was shredded since the counter was read.</summary>
    public static async Task<bool> IsCurrentAsync(
        NpgsqlConnection connection, long counter, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(CountQuery, connection);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))! == counter;
    }

    /// <summary>The streams' secrets, in their order, created where there are none; null for shredded ones.</summary>
    public async Task<byte[]?[]> OfAsync(IReadOnlyList<string> streams, CancellationToken cancellationToken)
    {
        var found = new byte[]?[streams.Count];
        var missing = new List<int>();
        for (var at = 0; at < streams.Count; at++)
        {
            if (!_kept.TryGet(streams[at], out found[at]))
                missing.Add(at);
        }

        if (missing.Count == 0)
            return found;
        var names = missing.ConvertAll(at => Opening.SecretOf(streams[at]));
        var read = await secrets.EnsureAsync(names, cancellationToken);
        for (var index = 0; index < missing.Count; index++)
        {
            if (!read.TryGetValue(names[index], out var secret))
                continue;
            found[missing[index]] = secret;
            _kept.Set(streams[missing[index]], secret);
        }

        return found;
    }

    /// <summary>Forgets all: the node makes no batches any more.</summary>
    public void Forget() => _kept = new(KeptMax);

    /// <summary>Shreds the secret of a stream's salts, on whatever node.</summary>
    public static async Task ShredAsync(
        Secrets secrets, NpgsqlDataSource database, string stream, CancellationToken cancellationToken)
    {
        await secrets.ShredAsync(Opening.SecretOf(stream), cancellationToken);
        await database.ExecuteAsync(
            $"""
            INSERT INTO {AuditSchema.Salts} AS s (id, shreddings) VALUES (1, 1)
            ON CONFLICT (id) DO UPDATE SET shreddings = s.shreddings + 1 RETURNING {DurableCommit.Sql}
            """,
            cancellationToken);
    }

    private static string CountQuery => $"SELECT coalesce(max(shreddings), 0) FROM {AuditSchema.Salts}";
}
