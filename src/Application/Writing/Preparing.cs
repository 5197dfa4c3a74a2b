using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// A partition's second step, which most messages need not wait for: ids that memory cannot recognise are looked up in
/// the read side, and messages that were sealed for another retention are sealed again. All keep their places.
/// </summary>
/// <param name="schedule">Continues with the conversation afterwards.</param>
internal sealed class Preparing(
    Decider decider, IdLookUp lookUp, Answering answering, Mailbox mailbox, Action<CachedConversation> schedule)
{
    /// <summary>Starts what the waiting messages need; false when they need nothing.</summary>
    public bool TryStart(CachedConversation conversation)
    {
        List<PendingSend>? unknown = null;
        List<PendingSend>? outdated = null;
        var stream = conversation.Stream!;
        foreach (var request in conversation.Waiting)
        {
            if (request is not PendingSend send)
                continue;
            if (decider.NeedsLookUp(stream, send))
                (unknown ??= []).Add(send);
            if (send.NeedsSealing(stream.State.Retention))
                (outdated ??= []).Add(send);
        }

        if (unknown is not null)
            LookUp(conversation, unknown);
        else if (outdated is not null)
            Seal(conversation, outdated);
        return unknown is not null || outdated is not null;
    }

    private void LookUp(CachedConversation conversation, List<PendingSend> sends)
    {
        var stream = conversation.Stream!;
        var asked = stream.State.Recent.HasLeftNothing
            ? lookUp.FindAsync(sends, StreamAppend.NoStream, LogPosition.Start)
            : lookUp.FindAsync(sends, stream.Revision, stream.Position);
        Await(conversation, asked, send => decider.NeedsLookUp(stream, send));
    }

    private void Seal(CachedConversation conversation, List<PendingSend> sends)
    {
        var retention = conversation.Stream!.State.Retention;
        Await(conversation, SealAsync(), send => send.NeedsSealing(retention));

        async Task<bool> SealAsync()
        {
            foreach (var send in sends)
                await send.SealAsync(retention);
            return true;
        }
    }

    /// <summary>
    /// When the preparation fails, the messages that still need it fail, even those that arrived meanwhile. No other
    /// request does.
    /// </summary>
    private void Await(CachedConversation conversation, Task<bool> prepared, Func<PendingSend, bool> stillNeeds)
    {
        conversation.Phase = Phase.Preparing;
        mailbox.Then(prepared, task =>
        {
            if (task.Exception is { } failure)
                answering.FailWaiting(conversation, failure.InnerException!, StillNeeds);
            schedule(conversation);
        });

        bool StillNeeds(Pending request) => request is PendingSend send && stillNeeds(send);
    }
}
