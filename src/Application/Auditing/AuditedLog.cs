using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Auditing;

/// <summary>Reads long parts of streams for audits, page by page.</summary>
public sealed class AuditedLog(IEventStore store, IEventCodec codec)
{
    /// <summary>The most events of a page; it is bounded in bytes, too (<see cref="IEventStore.PageBytes"/>).</summary>
    private const int PageSize = 512;

    /// <summary>Single entries that are at most so far apart are read together.</summary>
    private const int GapMax = 16;

    /// <summary>A stream's events between two revisions, both inclusive. Reads one page ahead of its reader.</summary>
    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> PagesAsync(
        string stream, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (from > to)
            yield break;
        var next = store.ReadPageAsync(stream, from, LimitOf(from, to), cancellationToken);
        try
        {
            while (await next is { Count: > 0 } page && page[0].Revision <= to)
            {
                var last = page[^1].Revision;
                next = last >= to
                    ? Task.FromResult<IReadOnlyList<StoredEvent>>([])
                    : store.ReadPageAsync(stream, last + 1, LimitOf(last + 1, to), cancellationToken);
                yield return last <= to ? page : [.. page.TakeWhile(stored => stored.Revision <= to)];
            }
        }
        finally
        {
            // Its reader may have gone; then nobody asks for the page that was read ahead.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// As <see cref="PagesAsync"/>, with what each event says; null for one that cannot be read. The next page is
    /// decoded while its reader is busy with this one: decoding is half of the work of a replay.
    /// </summary>
    public async IAsyncEnumerable<IReadOnlyList<(StoredEvent Stored, Recorded? Fact)>> DecodedPagesAsync(
        string stream, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task<List<(StoredEvent, Recorded?)>>? decoding = null;
        await foreach (var page in PagesAsync(stream, from, to, cancellationToken))
        {
            var next = Task.Run(
                () => page.Select(stored => (stored, DecodeOrNull(stored))).ToList(), cancellationToken);
            if (decoding is not null)
                yield return await decoding;
            decoding = next;
        }

        if (decoding is not null)
            yield return await decoding;
    }

    /// <summary>The stream's last revision; -1 if there is none or everything was truncated.</summary>
    public async Task<long> LastRevisionAsync(string stream, CancellationToken cancellationToken) =>
        await store.ReadStreamAsync(
            stream, long.MaxValue, ReadDirection.Backwards, limit: 1, cancellationToken) is [var last]
            ? last.Revision
            : -1;

    /// <summary>One event; null if it was truncated or there is none.</summary>
    public async Task<StoredEvent?> OneAsync(string stream, long revision, CancellationToken cancellationToken) =>
        await store.ReadPageAsync(stream, revision, limit: 1, cancellationToken) is [var found]
            && found.Revision == revision
            ? found
            : null;

    /// <summary>Single entries of a conversation, by seq. Truncated and unreadable ones are left out.</summary>
    /// <param name="seqs">Ascending, each once.</param>
    public async Task<IReadOnlyDictionary<long, ConversationEvent>> EntriesAsync(
        ConversationId conversation, IReadOnlyList<long> seqs, CancellationToken cancellationToken)
    {
        var (stream, wanted) = (StreamName.Of(conversation), seqs.ToHashSet());
        var found = new Dictionary<long, ConversationEvent>(seqs.Count);
        for (var first = 0; first < seqs.Count;)
        {
            var last = first;
            while (last + 1 < seqs.Count && seqs[last + 1] - seqs[last] <= GapMax)
                last++;
            await foreach (var page in PagesAsync(stream, seqs[first], seqs[last], cancellationToken))
            {
                foreach (var stored in page)
                {
                    if (wanted.Contains(stored.Revision) && DecodeOrNull(stored)?.Event is ConversationEvent entry)
                        found.Add(stored.Revision, entry);
                }
            }

            first = last + 1;
        }

        return found;
    }

    /// <returns>Null for an event that cannot be read; a verification names it.</returns>
    public Recorded? DecodeOrNull(StoredEvent stored)
    {
        try
        {
            return codec.Decode(stored);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static int LimitOf(long from, long to) => to - from >= PageSize ? PageSize : (int)(to - from) + 1;
}
