using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Prepares the few messages that cannot be decided at once: ids that memory cannot recognise are looked up in the read
/// side, messages that were sealed for another retention are sealed again, and it is awaited whether files may be sent.
/// Such messages wait apart, with later messages of the same senders, which must not overtake them; every other request
/// goes on.
/// </summary>
/// <param name="schedule">Continues with an idle conversation afterwards.</param>
internal sealed class Preparing(
    Decider decider, IdLookUp lookUp, Answering answering, Mailbox mailbox, Action<CachedConversation> schedule,
    ILogger logger)
{
    /// <summary>
    /// Takes the messages that need a preparation out of the queue, and starts it unless one is under way.
    /// </summary>
    public void Start(CachedConversation conversation)
    {
        var stream = conversation.Stream!;
        conversation.HoldBack(send => Needs(stream, send) || Decider.NeedsFiles(stream, send));
        if (conversation.Held.Count == 0 || conversation.IsPreparing)
            return; // The end of a preparation starts the next one.
        foreach (var send in conversation.Held.Where(send => Decider.NeedsFiles(stream, send)))
            AwaitFiles(conversation, send);
        if (!conversation.Held.Any(send => Needs(stream, send)))
            return;
        conversation.IsPreparing = true;
        mailbox.Then(PrepareAsync(stream, [.. conversation.Held]), task => End(conversation, task));
    }

    private bool Needs(StreamState<Conversation> stream, PendingSend send) =>
        decider.NeedsLookUp(stream, send) || send.NeedsSealing(stream.State.Retention);

    /// <summary>One sender's files hold up nobody else's: each message goes on once its own are known.</summary>
    private void AwaitFiles(CachedConversation conversation, PendingSend send)
    {
        if (send.IsAwaited && !send.MaySend!.IsCompleted)
            return;
        send.IsAwaited = true;
        mailbox.Then(send.MaySend!, _ =>
        {
            // It may have been decided or failed meanwhile, and the conversation forgotten with it.
            if (!conversation.IsPreparing && conversation.Held.Contains(send))
                Release(conversation, failure: null);
        });
    }

    private async Task<bool> PrepareAsync(StreamState<Conversation> stream, IReadOnlyList<PendingSend> held)
    {
        var unknown = held.Where(send => decider.NeedsLookUp(stream, send)).ToList();
        if (unknown.Count > 0)
        {
            var (through, position) = stream.State.Recent.HasLeftNothing
                ? (StreamAppend.NoStream, LogPosition.Start)
                : (stream.Revision, stream.Position);
            await lookUp.FindAsync(unknown, through, position);
        }

        foreach (var send in held.Where(send => send.NeedsSealing(stream.State.Retention)))
            await send.SealAsync(stream.State.Retention);
        return true;
    }

    private void End(CachedConversation conversation, Task<bool> task)
    {
        conversation.IsPreparing = false;
        var failure = task.Exception?.InnerException;
        if (failure is not (null or StoreUnavailableException))
            logger.LogError(failure, "Preparing messages of conversation {Conversation} failed.", conversation.Id);
        Release(conversation, failure);
    }

    /// <summary>
    /// Gives the messages their places again. When the preparation failed, those that still need one fail, even if they
    /// arrived meanwhile; so do those whose files could not be looked up.
    /// </summary>
    private void Release(CachedConversation conversation, Exception? failure)
    {
        IReadOnlyList<PendingSend> held = [.. conversation.Held];
        conversation.Held.Clear();
        if (conversation.Stream is { } stream)
        {
            foreach (var send in held)
            {
                if (FailureOf(stream, send, failure) is { } reason)
                    answering.Fail(send, reason);
            }

            held = [.. held.Where(send => !send.Answer.IsCompleted)];
        }

        conversation.PutBack(held);
        if (conversation.Phase == Phase.Idle)
            schedule(conversation);
    }

    private Exception? FailureOf(StreamState<Conversation> stream, PendingSend send, Exception? failure) =>
        Decider.NeedsFiles(stream, send) && send.MaySend is { IsCompleted: true } ended
            ? ended.Exception?.InnerException ?? new StoreUnavailableException("The look-up of files was cut short.")
        : failure is not null && Needs(stream, send) ? failure
        : null;
}
