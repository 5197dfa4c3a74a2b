using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// The step before a decision on missing or stale state, also after a conflict: reads a conversation to the end of its
/// streams, and shows sockets the entries that other nodes appended.
/// </summary>
/// <param name="schedule">Continues with the conversation afterwards.</param>
internal sealed class Loading(
    ConversationLoader loader, StoreProbe probe, Showing showing, Answering answering, ConversationCache conversations,
    Mailbox mailbox, Action<CachedConversation> schedule)
{
    /// <summary>
    /// After so many failures in a row a conversation that cannot be read is forgotten, and the next request reads it
    /// anew. While the store is away none is forgotten: sockets may not have been shown its last entries.
    /// </summary>
    private const int FailuresMax = 60;

    public void Start(CachedConversation conversation)
    {
        conversation.Phase = Phase.Loading;
        foreach (var request in conversation.Waiting.Concat(conversation.Held))
            request.IsReadSince = true;
        var asked = conversation.BeginRead();
        mailbox.Then(LoadAsync(conversation, asked), task => End(conversation, asked, task));
    }

    private async Task<Loaded> LoadAsync(CachedConversation conversation, Progress asked)
    {
        var withReceipts = conversation.Receipts is not null || conversation.NeedsReceipts;
        if (conversation.Failures > 0 && asked.IsStale)
            await probe.WaitAsync(conversation.Failures);
        long? showFrom = asked.ShowFrom == Progress.None ? null : asked.ShowFrom;
        var (stream, news) = await loader.ConversationAsync(
            conversation.Id, conversation.Stream, showFrom, conversation.SnapshotMax, CancellationToken.None);
        var receipts = withReceipts
            ? await loader.ReceiptsAsync(
                conversation.Id, conversation.Receipts, conversation.ReceiptsSnapshotMax, CancellationToken.None)
            : null;
        return new Loaded(stream, news, receipts);
    }

    private void End(CachedConversation conversation, Progress asked, Task<Loaded> task)
    {
        if (task.Exception is { } failure)
        {
            Fail(conversation, asked, failure.InnerException!);
            return;
        }

        var (stream, news, receipts) = task.Result;
        conversation.EndRead(stream, receipts, shownFrom: news.Count > 0 ? news[0].Revision : stream.Revision + 1);
        if (news.Count > 0)
            showing.PublishRead(news, stream.State);
        if (receipts is not null)
        {
            showing.PublishReceipts(conversation, stream.State, conversation.UnansweredReceipts);
            conversation.UnansweredReceipts = [];
        }

        answering.SettleUnanswered(conversation);

        schedule(conversation);
    }

    private void Fail(CachedConversation conversation, Progress asked, Exception failure)
    {
        answering.FailWaiting(conversation, failure);
        conversation.FailRead(asked);
        var isHopeless = conversation.Failures > FailuresMax && failure is not StoreUnavailableException;
        if (conversation.Stream is not null && !isHopeless)
            schedule(conversation);
        else if (conversation.Held.Count == 0)
            conversations.Forget(conversation);
        else
            conversation.Phase = Phase.Idle; // The preparation's end goes on with it.
    }

    /// <param name="News">The entries that sockets are to be shown.</param>
    /// <param name="Receipts">Null when the receipts' stream was not read.</param>
    private sealed record Loaded(
        StreamState<Conversation> Stream, IReadOnlyList<Recorded> News, StreamState<Watermarks>? Receipts);
}

/// <summary>
/// Asks a store that failed whether it is back: one question at a time, for all conversations of a partition.
/// </summary>
internal sealed class StoreProbe(IEventStore store, TimeProvider clock)
{
    /// <summary>How long to wait before a store that failed is asked again, at most.</summary>
    private static readonly TimeSpan BackoffMax = TimeSpan.FromSeconds(1);

    private Task _probe = Task.CompletedTask;

    /// <param name="failures">
    /// How often in a row the store failed: the wait before the question doubles with each.
    /// </param>
    /// <exception cref="StoreUnavailableException">The store is still away.</exception>
    public Task WaitAsync(int failures) => _probe.IsCompleted ? _probe = ProbeAsync(failures) : _probe;

    private async Task ProbeAsync(int failures)
    {
        await Task.Delay(Backoff(failures), clock);
        await store.HeadAsync(CancellationToken.None);
    }

    private static TimeSpan Backoff(int failures) =>
        TimeSpan.FromMilliseconds(Math.Min(BackoffMax.TotalMilliseconds, 50 * Math.Pow(2, Math.Min(failures, 10))));
}
