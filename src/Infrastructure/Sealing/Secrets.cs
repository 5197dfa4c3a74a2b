using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The secrets in PostgreSQL, wrapped under a master key. A shredded secret keeps its row without bytes, so that it is
/// never created again. Creating and shredding are durable on return: content under a secret lost in a crash would be
/// unreadable, and a lost shredding would leave erased content readable.
/// </summary>
public sealed class Secrets(NpgsqlDataSource database, IOptions<SealingOptions> options)
{
    private const int SecretSize = 32;
    internal const string Table = "secrets";

    /// <summary>The notification channel for shredded secrets; the payload is the secret's name.</summary>
    public const string Channel = PostgresRegistration.Schema + "_secrets";

    /// <summary>Finds secrets. Missing and shredded ones are absent from the result.</summary>
    public Task<IReadOnlyDictionary<string, byte[]>> FindAsync(
        IReadOnlyCollection<string> names, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IReadOnlyDictionary<string, byte[]>>(async () =>
        {
            await using var command = database.CreateCommand(
                $"SELECT name, key_id, wrapped FROM {Table} WHERE name = ANY($1) AND wrapped IS NOT NULL");
            command.Parameters.Add(new() { Value = names.ToArray() });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            using var keys = new MasterKeys(options.Value);
            var found = new Dictionary<string, byte[]>(names.Count, StringComparer.Ordinal);
            while (await reader.ReadAsync(cancellationToken))
            {
                var name = reader.GetString(0);
                found[name] = keys.Unwrap(name, reader.GetString(1), reader.GetFieldValue<byte[]>(2));
            }

            return found;
        });

    /// <summary>Finds secrets and creates missing ones; shredded ones are absent from the result.</summary>
    public async Task<IReadOnlyDictionary<string, byte[]>> EnsureAsync(
        IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var found = await FindAsync(names, cancellationToken);
        if (found.Count == names.Count)
            return found;
        await InsertIfAbsentAsync(
            [.. names.Where(name => !found.ContainsKey(name))], _ => RandomNumberGenerator.GetBytes(SecretSize),
            cancellationToken);
        return await FindAsync(names, cancellationToken);
    }

    /// <summary>Finds secrets and creates missing ones. Concurrent callers get the same secrets.</summary>
    /// <exception cref="RefusedException">A secret was shredded and cannot seal content any more.</exception>
    public async Task<IReadOnlyDictionary<string, byte[]>> GetOrCreateAsync(
        IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var found = await EnsureAsync(names, cancellationToken);
        return found.Count == names.Count
            ? found
            : throw new RefusedException(Refusal.Erased);
    }

    /// <summary>
    /// Makes all content sealed under a secret unreadable for ever, in every copy; also if the secret does not exist
    /// yet. Nodes forget its keys on notification, at the latest after <see cref="ContentSealer.KeyLifetime"/>.
    /// </summary>
    public Task ShredAsync(string name, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.CreateCommand(
            $"""
            WITH shredded AS (
                INSERT INTO {Table} (name, key_id, wrapped) VALUES ($1, '', NULL)
                ON CONFLICT (name) DO UPDATE SET key_id = '', wrapped = NULL, ends_at = NULL RETURNING name
            )
            SELECT pg_notify('{Channel}', name), {DurableCommit.Sql} FROM shredded
            """);
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    /// <summary>Shreds the secrets of ended buckets.</summary>
    /// <returns>How many; fewer than <paramref name="limit"/> when none are left.</returns>
    public Task<int> ShredEndedAsync(
        DateTimeOffset now, int limit, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.CreateCommand(
            $"""
            UPDATE {Table} s SET key_id = '', wrapped = NULL, ends_at = NULL
            FROM (SELECT name FROM {Table} WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2 FOR UPDATE) AS due WHERE s.name = due.name
            """);
        command.Parameters.Add(new() { Value = now.UtcDateTime });
        command.Parameters.Add(new() { Value = limit });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    /// <summary>
    /// Wraps secrets of other master keys under the current one; the old keys are obsolete afterwards. Safe to repeat
    /// and to run beside other calls.
    /// </summary>
    /// <returns>How many secrets were rewrapped.</returns>
    public async Task<int> RewrapAsync(CancellationToken cancellationToken)
    {
        const int BatchSize = 500;
        for (var total = 0; ;)
        {
            var rewrapped = await PostgresErrors.GuardAsync(() => RewrapAsync(BatchSize, cancellationToken));
            if (rewrapped == 0)
                return total;
            total += rewrapped;
        }
    }

    private async Task<int> RewrapAsync(int limit, CancellationToken cancellationToken)
    {
        var current = options.Value.Current;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        using var keys = new MasterKeys(options.Value);
        var (names, wrapped) = (new List<string>(), new List<byte[]>());
        await using (var select = new NpgsqlCommand(
            $"""
            SELECT name, key_id, wrapped FROM {Table}
            WHERE key_id <> $1 AND wrapped IS NOT NULL ORDER BY name LIMIT $2 FOR UPDATE
            """,
            connection, transaction))
        {
            select.Parameters.Add(new() { Value = current });
            select.Parameters.Add(new() { Value = limit });
            await using var reader = await select.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                names.Add(reader.GetString(0));
                var secret = keys.Unwrap(names[^1], reader.GetString(1), reader.GetFieldValue<byte[]>(2));
                wrapped.Add(keys.Wrap(names[^1], secret));
            }
        }

        await using (var update = new NpgsqlCommand(
            $"""
            UPDATE {Table} s SET key_id = $1, wrapped = n.wrapped FROM unnest($2::text[], $3::bytea[]) AS n(name, wrapped)
            WHERE s.name = n.name
            """,
            connection, transaction))
        {
            update.Parameters.Add(new() { Value = current });
            update.Parameters.Add(new() { Value = names.ToArray() });
            update.Parameters.Add(new() { Value = wrapped.ToArray() });
            await update.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return names.Count;
    }

    /// <summary>Stores secrets that have their bytes already; existing and shredded ones stay unchanged.</summary>
    internal Task StoreAsync(IReadOnlyDictionary<string, byte[]> secrets, CancellationToken cancellationToken) =>
        secrets.Count == 0
            ? Task.CompletedTask
            : InsertIfAbsentAsync([.. secrets.Keys], name => secrets[name], cancellationToken);

    /// <summary>Creates secrets; existing and shredded ones stay unchanged.</summary>
    private Task InsertIfAbsentAsync(
        string[] names, Func<string, byte[]> secretOf, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
    {
        Array.Sort(names, StringComparer.Ordinal); // One lock order for concurrent inserts: no deadlock.
        using var keys = new MasterKeys(options.Value);
        var wrapped = names.Select(name => keys.Wrap(name, secretOf(name))).ToArray();
        await using var command = database.CreateCommand(
            $"""
            INSERT INTO {Table} (name, key_id, wrapped, ends_at)
            SELECT n.name, $1, n.wrapped, n.ends_at FROM unnest($2::text[], $3::bytea[], $4::timestamptz[]) AS n(name, wrapped, ends_at)
            ON CONFLICT (name) DO NOTHING RETURNING {DurableCommit.Sql}
            """);
        command.Parameters.Add(new() { Value = options.Value.Current });
        command.Parameters.Add(new() { Value = names });
        command.Parameters.Add(new() { Value = wrapped });
        command.Parameters.Add(new()
        {
            Value = names.Select(name => SecretName.EndOf(name)?.UtcDateTime).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz,
        });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    /// <summary>The master keys of one call: their set-up costs more than wrapping a secret.</summary>
    private sealed class MasterKeys(SealingOptions options) : IDisposable
    {
        private readonly Dictionary<string, AesGcm> _keys = new(StringComparer.Ordinal);

        public byte[] Wrap(string name, byte[] secret) =>
            Aead.Seal(Of(options.Current), secret, Encoding.UTF8.GetBytes(name));

        public byte[] Unwrap(string name, string keyId, byte[] wrapped) =>
            Aead.Open(Of(keyId), wrapped, Encoding.UTF8.GetBytes(name));

        public void Dispose()
        {
            foreach (var key in _keys.Values)
                key.Dispose();
        }

        private AesGcm Of(string keyId)
        {
            if (!_keys.TryGetValue(keyId, out var key))
                _keys.Add(keyId, key = Aead.Key(options.Key(keyId)));
            return key;
        }
    }
}
