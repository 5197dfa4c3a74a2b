using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Prepares the few messages that cannot be decided at once: ids that memory cannot recognise are looked up in the read
/// side, and messages that were sealed for another retention are sealed again. Such messages wait apart, with later
/// messages of the same senders, which must not overtake them; every other request goes on.
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
        conversation.HoldBack(send => Needs(stream, send));
        if (conversation.Held.Count == 0 || conversation.IsPreparing)
            return;
        conversation.IsPreparing = true;
        mailbox.Then(PrepareAsync(stream, [.. conversation.Held]), task => End(conversation, task));
    }

    private bool Needs(StreamState<Conversation> stream, PendingSend send) =>
        decider.NeedsLookUp(stream, send) || send.NeedsSealing(stream.State.Retention);

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

    /// <summary>
    /// Gives the messages their places again. When the preparation failed, those that still need one fail, even if they
    /// arrived meanwhile.
    /// </summary>
    private void End(CachedConversation conversation, Task<bool> task)
    {
        conversation.IsPreparing = false;
        IReadOnlyList<PendingSend> held = [.. conversation.Held];
        conversation.Held.Clear();
        if (task.Exception is { InnerException: { } failure } && conversation.Stream is { } stream)
        {
            if (failure is not StoreUnavailableException)
                logger.LogError(failure, "Preparing messages of conversation {Conversation} failed.", conversation.Id);
            foreach (var send in held.Where(send => Needs(stream, send)))
                answering.Fail(send, failure);
            held = [.. held.Where(send => !send.Answer.IsCompleted)];
        }

        conversation.PutBack(held);
        if (conversation.Phase == Phase.Idle)
            schedule(conversation);
    }
}
