using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>Answers requests. Each leaves the backlog with its answer.</summary>
internal sealed class Answering(Backlog backlog, SentIds sentIds, TracedAppends traced, ILogger logger)
{
    /// <param name="position">A position at which everything that the answers speak of is in the log.</param>
    public void Answer(List<Answer> answers, LogPosition position)
    {
        foreach (var answer in answers)
        {
            if (answer.Request.Sampled is { } sampled && !answer.IsRepeated)
                traced.Add(position, sampled.Context);
            if (answer.Refused is { } refused)
            {
                FailUnstored(answer.Request, refused);
                continue;
            }

            answer.Give(position);
            backlog.Leave(answer.Request);
        }
    }

    /// <summary>Answers a decision that appends nothing.</summary>
    public void AnswerUnchanged(Decision decision)
    {
        Answer(decision.Answers, decision.Conversation.Stream!.Position);
        Answer(decision.ReceiptAnswers, decision.Conversation.Receipts?.Position ?? LogPosition.Start);
    }

    /// <summary>
    /// Takes the first requests from the queue once they are decided, and answers the peeks among them.
    /// </summary>
    public void TakeDecided(CachedConversation conversation, int decided)
    {
        for (; decided > 0; decided--)
        {
            if (conversation.Waiting.Dequeue() is PendingPeek peek)
                Answer(peek, conversation);
        }
    }

    /// <summary>Answers a peek from memory.</summary>
    public void Answer(PendingPeek peek, CachedConversation conversation)
    {
        peek.Complete(conversation.Stream!.State);
        backlog.Leave(peek);
    }

    /// <summary>Fails a request that certainly stored nothing. The id of a message may be used again.</summary>
    public void FailUnstored(Pending request, Exception failure)
    {
        if (request is PendingSend { Claim: { } claim } send)
            sentIds.Release(send.Command.Sender, send.Command.MessageId, claim);
        Fail(request, failure);
    }

    /// <summary>Releases the ids of unanswered messages that the log does not hold.</summary>
    public void SettleUnanswered(CachedConversation conversation)
    {
        foreach (var send in conversation.UnansweredSends)
        {
            var (sender, message) = (send.Command.Sender, send.Command.MessageId);
            if (send.Claim is { } claim && conversation.Stream!.State.Recent.Find(sender, message) is null)
                sentIds.Release(sender, message, claim);
        }

        conversation.UnansweredSends.Clear();
    }

    /// <summary>Fails a request whose events may be in the log.</summary>
    public void Fail(Pending request, Exception failure)
    {
        request.Fail(failure);
        backlog.Leave(request);
    }

    /// <summary>Answers the peeks that wait, and refuses all other requests undecided.</summary>
    public void RefuseWaiting(CachedConversation conversation, Exception reason)
    {
        while (conversation.Waiting.TryDequeue(out var request))
        {
            if (request is PendingPeek peek)
                Answer(peek, conversation);
            else
                FailUnstored(request, reason);
        }
    }

    /// <summary>
    /// Fails every request that waits for a read; messages that wait for a preparation go on waiting for that.
    /// </summary>
    public void FailWaiting(CachedConversation conversation, Exception failure)
    {
        if (failure is not StoreUnavailableException)
            logger.LogError(failure, "Reading conversation {Conversation} failed.", conversation.Id);
        while (conversation.Waiting.TryDequeue(out var request))
            Fail(request, failure);
    }
}
