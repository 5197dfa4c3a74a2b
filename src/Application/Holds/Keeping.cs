using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Holds;

/// <summary>
/// The question that comes before everything that removes content: does a hold cover it? What a hold covers is put into
/// escrow first, and no hold is placed in between.
/// </summary>
public sealed class Keeping(
    IHeld held, IEventStore store, IEventCodec codec, IReadSide readSide, ILogger<Keeping> logger)
{
    private const int PageSize = 512;

    /// <summary>How long to wait for the views, which say what the conversations of a scope's users are.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

    /// <summary>Shreds secrets or deletes files, after all that holds cover is kept.</summary>
    /// <exception cref="StoreUnavailableException">
    /// A store is out of reach, or the views lag: nothing was removed.
    /// </exception>
    public async Task<T> RemoveAsync<T>(Func<Task<T>> remove, CancellationToken cancellationToken)
    {
        await KeepAllAsync(cancellationToken); // Most of it before the lock, which keeps others from placing holds.
        await using var removing = await held.LockForRemovingAsync(cancellationToken);
        await KeepAllAsync(cancellationToken);
        return await remove();
    }

    /// <summary>Truncates streams of a conversation, unless a hold covers it.</summary>
    /// <param name="truncate">Returns whether it did all.</param>
    /// <returns>False also if a hold does; then nothing was done.</returns>
    /// <exception cref="StoreUnavailableException">See <see cref="RemoveAsync"/>.</exception>
    public async Task<bool> TruncateAsync(
        ConversationId conversation, Func<Task<bool>> truncate, CancellationToken cancellationToken)
    {
        await using var removing = await held.LockForRemovingAsync(cancellationToken);
        if ((await held.ScopesAsync(cancellationToken)).Count > 0)
        {
            await WaitForViewsAsync(cancellationToken);
            if (await held.HoldsAsync(conversation, cancellationToken))
                return false;
        }

        return await truncate();
    }

    /// <summary>Puts everything into escrow that holds cover up to now.</summary>
    public async Task KeepAllAsync(CancellationToken cancellationToken)
    {
        var scopes = await held.ScopesAsync(cancellationToken);
        if (scopes.Count == 0)
            return;
        await WaitForViewsAsync(cancellationToken);
        foreach (var scope in scopes)
        {
            foreach (var (conversation, from) in await held.UnreadAsync(scope, cancellationToken))
                await KeepAsync(scope, conversation, from, cancellationToken);
        }
    }

    private async Task KeepAsync(
        HeldScope scope, ConversationId conversation, long from, CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await store.ReadStreamAsync(
                StreamName.Of(conversation), from, ReadDirection.Forwards, PageSize, cancellationToken);
            if (page.Count == 0)
                return;
            var (keys, files) = (new HashSet<HeldKey>(), new HashSet<FileId>());
            foreach (var stored in page)
                Collect(scope.Scope, stored, keys, files);
            var through = page[^1].Revision;
            await held.KeepAsync(scope.Hold, conversation, keys, files, through, cancellationToken);
            if (page.Count < PageSize)
                return;
            from = through + 1;
        }
    }

    private void Collect(AuditScope scope, StoredEvent stored, HashSet<HeldKey> keys, HashSet<FileId> files)
    {
        if (Decode(stored) is not { } fact || !scope.Covers(fact.At))
            return;
        switch (fact.Event)
        {
            case ConversationEvent.ConversationStarted { Title: { } title }:
                keys.Add(new HeldKey(title.Content.Bucket, title.By));
                break;
            case ConversationEvent.GroupRenamed { Title: var title }:
                keys.Add(new HeldKey(title.Content.Bucket, title.By));
                break;
            case ConversationEvent.MessageSent sent:
                keys.Add(new HeldKey(sent.Content.Bucket, sent.Sender));
                files.UnionWith(sent.Files ?? []);
                break;
            case ConversationEvent.MessageEdited edited:
                keys.Add(new HeldKey(edited.Content.Bucket, edited.Sender));
                break;
        }
    }

    /// <returns>
    /// Null for an event without content, and for one that cannot be read: its content cannot, either.
    /// </returns>
    private Recorded? Decode(StoredEvent stored)
    {
        var type = codec.TypeOf(stored.Type);
        if (type != typeof(ConversationEvent.ConversationStarted) && type != typeof(ConversationEvent.GroupRenamed)
            && type != typeof(ConversationEvent.MessageSent) && type != typeof(ConversationEvent.MessageEdited))
            return null;
        try
        {
            return codec.Decode(stored);
        }
        catch (FormatException exception)
        {
            logger.LogError(
                exception, "No hold keeps the content of {Event} in {Stream}, which cannot be read.", stored.EventId,
                stored.Stream);
            return null;
        }
    }

    private async Task WaitForViewsAsync(CancellationToken cancellationToken)
    {
        if (!await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), WaitMax, cancellationToken))
        {
            throw new StoreUnavailableException(
                "The read models are too far behind to tell what holds cover. Nothing is removed meanwhile.");
        }
    }
}
