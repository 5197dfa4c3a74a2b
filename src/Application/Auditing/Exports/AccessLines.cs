using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// The accesses of all auditors to an export's conversations, by time. The views name the auditors; the events are read
/// from the auditors' streams.
/// </summary>
internal sealed class AccessLines(IEventStore store, AuditedLog log, IAuditViews views, IReadSide readSide)
{
    /// <summary>How long to wait for the views.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

    /// <exception cref="StoreUnavailableException">A store is out of reach, or the views lag.</exception>
    public async Task WriteAsync(
        EventLines lines, IReadOnlyList<ConversationId> conversations, CancellationToken cancellationToken)
    {
        if (!await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), WaitMax, cancellationToken))
            throw new StoreUnavailableException("The read models are too far behind to tell who has looked.");
        var looked = conversations.ToHashSet();
        var streams = new PriorityQueue<IAsyncEnumerator<Access>, (DateTimeOffset At, string Stream)>();
        try
        {
            foreach (var auditor in await views.AuditorsOfAsync(conversations, cancellationToken))
            {
                await PutAsync(AccessesAsync(StreamName.OfAuditor(auditor), looked, cancellationToken)
                    .GetAsyncEnumerator(cancellationToken));
            }

            while (streams.TryDequeue(out var next, out _))
            {
                lines.Write(next.Current.Stored);
                await PutAsync(next);
            }
        }
        finally
        {
            while (streams.TryDequeue(out var left, out _))
                await left.DisposeAsync();
        }

        async Task PutAsync(IAsyncEnumerator<Access> stream)
        {
            if (await stream.MoveNextAsync())
                streams.Enqueue(stream, (stream.Current.At, stream.Current.Stored.Stream));
            else
                await stream.DisposeAsync();
        }
    }

    /// <summary>
    /// One auditor's accesses to these conversations, with the events of their answers. Events that cannot be read are
    /// included, since each may be an access.
    /// </summary>
    private async IAsyncEnumerable<Access> AccessesAsync(
        string stream, HashSet<ConversationId> looked, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (asked, at) = (new HashSet<Guid>(), DateTimeOffset.MinValue);
        var last = await log.LastRevisionAsync(stream, cancellationToken);
        await foreach (var page in log.PagesAsync(stream, 0, last, cancellationToken))
        {
            foreach (var stored in page)
            {
                var fact = log.DecodeOrNull(stored);
                at = fact?.At ?? at;
                if (fact?.Event is AuditEvent.AuditAccessed { Conversation: { } conversation }
                    && looked.Contains(conversation))
                    asked.Add(fact.EventId);
                else if (fact is not null
                    && !(fact.Event is AuditEvent.AuditDelivered delivered && asked.Remove(delivered.Access)))
                    continue;
                yield return new Access(stored, at);
            }
        }
    }

    private readonly record struct Access(StoredEvent Stored, DateTimeOffset At);
}
