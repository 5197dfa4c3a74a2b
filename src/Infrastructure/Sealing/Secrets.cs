using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Infrastructure.Marten;
using Marten;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>The secrets in PostgreSQL, wrapped under the master key.</summary>
public sealed class Secrets(IDocumentStore store, IOptions<SealingOptions> options)
{
    private const int SecretSize = 32;

    /// <summary>Finds secrets; those that do not exist or are shredded are missing from the answer.</summary>
    public Task<IReadOnlyDictionary<string, byte[]>> FindAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IReadOnlyDictionary<string, byte[]>>(async () =>
        {
            await using var session = store.QuerySession();
            var found = await session.LoadManyAsync<Secret>(cancellationToken, ids);
            return found.Where(secret => !secret.IsShredded).ToDictionary(secret => secret.Id, Unwrap);
        });

    /// <summary>Finds secrets and makes those that do not exist. Two nodes that do so at once end with the same ones.</summary>
    /// <exception cref="InvalidOperationException">One of them was shredded: nothing may be sealed under it any more.</exception>
    public async Task<IReadOnlyDictionary<string, byte[]>> GetOrCreateAsync(
        IReadOnlyCollection<string> ids, CancellationToken cancellationToken)
    {
        var found = await FindAsync(ids, cancellationToken);
        if (found.Count == ids.Count)
            return found;

        foreach (var id in ids.Where(id => !found.ContainsKey(id)))
            await InsertIfAbsentAsync(id, cancellationToken);
        found = await FindAsync(ids, cancellationToken);
        return found.Count == ids.Count
            ? found
            : throw new InvalidOperationException("A secret was shredded: nothing may be sealed under it any more.");
    }

    /// <summary>Makes everything that was sealed under a secret unreadable, for ever, wherever it is stored. Also before it was ever made.</summary>
    public Task ShredAsync(string id, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var session = store.LightweightSession();
        session.Store(new Secret { Id = id, KeyId = options.Value.Current, Wrapped = null });
        await session.SaveChangesAsync(cancellationToken);
        return true;
    });

    /// <summary>Wraps the secrets that are still under another master key under the current one; in batches, and safe to repeat.</summary>
    /// <returns>How many were wrapped anew.</returns>
    public async Task<int> RewrapAsync(CancellationToken cancellationToken)
    {
        const int BatchSize = 500;
        var current = options.Value.Current;
        for (var total = 0; ;)
        {
            await using var session = store.LightweightSession();
            var batch = await session.Query<Secret>().Where(secret => secret.KeyId != current && secret.Wrapped != null)
                .Take(BatchSize).ToListAsync(cancellationToken);
            if (batch.Count == 0)
                return total;
            foreach (var secret in batch)
                session.Store(Wrap(secret.Id, Unwrap(secret)));
            await session.SaveChangesAsync(cancellationToken);
            total += batch.Count;
        }
    }

    private Task InsertIfAbsentAsync(string id, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        try
        {
            await using var session = store.LightweightSession();
            session.Insert(Wrap(id, RandomNumberGenerator.GetBytes(SecretSize)));
            await session.SaveChangesAsync(cancellationToken);
        }
        catch (JasperFx.DocumentAlreadyExistsException)
        {
            // Another node, or another request, was first: its secret is the one.
        }

        return true;
    });

    private Secret Wrap(string id, byte[] secret)
    {
        var current = options.Value.Current;
        using var key = Aead.Key(options.Value.Key(current));
        return new Secret { Id = id, KeyId = current, Wrapped = Aead.Seal(key, secret, Encoding.UTF8.GetBytes(id)) };
    }

    private byte[] Unwrap(Secret secret)
    {
        using var key = Aead.Key(options.Value.Key(secret.KeyId));
        return Aead.Open(key, secret.Wrapped, Encoding.UTF8.GetBytes(secret.Id));
    }
}
