using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>Answers requests. Each leaves the backlog with its answer.</summary>
internal sealed class Answering(Backlog backlog, TracedAppends traced, ILogger logger)
{
    /// <param name="position">A position at which everything that the answers speak of is in the log.</param>
    public void Answer(List<Answer> answers, LogPosition position)
    {
        foreach (var answer in answers)
        {
            if (answer.Request.Sampled is { } sampled && !answer.IsRepeated)
                traced.Add(position, sampled.Context);
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
            if (conversation.Waiting.Dequeue() is not PendingPeek peek)
                continue;
            peek.Complete(conversation.Stream!.State);
            backlog.Leave(peek);
        }
    }

    public void Fail(Pending request, Exception failure)
    {
        request.Fail(failure);
        backlog.Leave(request);
    }

    /// <param name="which">The requests that fail; the others keep their places. Null for all.</param>
    public void FailWaiting(CachedConversation conversation, Exception failure, Func<Pending, bool>? which = null)
    {
        if (failure is not StoreUnavailableException)
            logger.LogError(failure, "Reading conversation {Conversation} failed.", conversation.Id);
        for (var left = conversation.Waiting.Count; left > 0; left--)
        {
            var request = conversation.Waiting.Dequeue();
            if (which is null || which(request))
                Fail(request, failure);
            else
                conversation.Waiting.Enqueue(request);
        }
    }
}
