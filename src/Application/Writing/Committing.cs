using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// A partition's last step: appends a batch, then settles each of its streams by its own outcome. Appended events are
/// shown and answered; after a conflict the requests are decided again; after a failure they fail, and the log is read
/// before anything else is decided.
/// </summary>
/// <param name="schedule">Continues with a conversation afterwards.</param>
internal sealed class Committing(
    IEventStore store, Showing showing, Answering answering, Committed committed, WriterOptions options,
    Mailbox mailbox, Action<CachedConversation> schedule, ILogger logger)
{
    private static readonly Histogram<int> BatchSize =
        Telemetry.Meter.CreateHistogram<int>("chat.append.events", "{event}", "Events in one append.");

    private static readonly Histogram<double> AppendTime =
        Telemetry.Meter.CreateHistogram<double>("chat.append.duration", "s", "Time of one append.");

    private static readonly Counter<long> Conflicts = Telemetry.Meter.CreateCounter<long>(
        "chat.append.conflicts", "{stream}", "Streams that another node wrote to first.");

    /// <summary>Appends that have not ended.</summary>
    public int UnderWay { get; private set; }

    public void Start(Batch batch)
    {
        UnderWay++;
        BatchSize.Record(batch.Events);
        mailbox.Then(AppendAsync(batch), task => End(batch, task));
    }

    private async Task<IReadOnlyList<AppendOutcome>> AppendAsync(Batch batch)
    {
        var requests = batch.SampledRequests();
        var (started, startedAt) = (Stopwatch.GetTimestamp(), requests.Count > 0 ? DateTimeOffset.UtcNow : default);
        var outcomes = await store.AppendAsync(batch.Appends, CancellationToken.None);
        AppendTime.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        foreach (var request in requests)
        {
            using var span = Telemetry.StartFor(request.Context, "append", startedAt);
            span?.SetTag("chat.streams", batch.Appends.Count);
        }

        return outcomes;
    }

    private void End(Batch batch, Task<IReadOnlyList<AppendOutcome>> task)
    {
        UnderWay--;
        var outcomes = task.Exception is { } failure
            ? [.. batch.Appends.Select(_ => new AppendOutcome.Failed(failure.InnerException!))]
            : task.Result;
        LogOnce(outcomes);
        foreach (var (decision, entries, receipts) in batch.Outcomes(outcomes))
        {
            var retried = new List<Pending>();
            SettleEntries(decision, entries, retried);
            SettleReceipts(decision, receipts, retried);
            decision.Conversation.PutBack(retried);
            schedule(decision.Conversation);
        }
    }

    /// <param name="outcome">Null when no entry was appended.</param>
    /// <param name="retried">Gathers the requests to decide again.</param>
    private void SettleEntries(Decision decision, AppendOutcome? outcome, List<Pending> retried)
    {
        var conversation = decision.Conversation;
        switch (outcome)
        {
            case null:
                answering.Answer(decision.Answers, conversation.Stream!.Position);
                break;
            case AppendOutcome.Appended appended:
                conversation.Commit(decision.Stream.At(appended.Position));
                committed.Raise(appended.Position);
                showing.PublishCommitted(conversation, decision.Live, appended.Position);
                answering.Answer(decision.Answers, appended.Position);
                break;
            case AppendOutcome.Failed failed:
                var sends = decision.Answers.Select(answer => answer.Request).OfType<PendingSend>();
                conversation.UnansweredSends.AddRange(sends);
                Fail(conversation, decision.Answers, failed.Reason);
                break;
            case AppendOutcome.Conflict { ActualRevision: var last } when last < decision.Stream.ExpectedRevision:
                logger.LogError("The log has lost entries of conversation {Conversation}.", conversation.Id);
                conversation.ForgetEntries(last);
                Retry(decision.Answers, retried);
                break;
            case AppendOutcome.Conflict:
                conversation.Doubt();
                Retry(decision.Answers, retried);
                break;
        }
    }

    /// <inheritdoc cref="SettleEntries"/>
    private void SettleReceipts(Decision decision, AppendOutcome? outcome, List<Pending> retried)
    {
        var conversation = decision.Conversation;
        switch (outcome)
        {
            case null:
                answering.Answer(decision.ReceiptAnswers, conversation.Receipts?.Position ?? LogPosition.Start);
                break;
            case AppendOutcome.Appended appended:
                conversation.Commit(decision.Receipts!.At(appended.Position));
                committed.Raise(appended.Position);
                showing.PublishReceipts(conversation, decision.Stream.State, decision.Raised);
                answering.Answer(decision.ReceiptAnswers, appended.Position);
                break;
            case AppendOutcome.Failed failed:
                Fail(conversation, decision.ReceiptAnswers, failed.Reason);
                conversation.UnansweredReceipts = decision.Raised;
                break;
            case AppendOutcome.Conflict { ActualRevision: var last } when last < decision.Receipts!.ExpectedRevision:
                logger.LogError("The log has lost receipts of conversation {Conversation}.", conversation.Id);
                conversation.ForgetReceipts(last);
                Retry(decision.ReceiptAnswers, retried);
                break;
            case AppendOutcome.Conflict:
                conversation.Doubt();
                Retry(decision.ReceiptAnswers, retried);
                break;
        }
    }

    private void Retry(List<Answer> answers, List<Pending> retried)
    {
        Conflicts.Add(1);
        foreach (var answer in answers)
        {
            var request = answer.Request;
            if (++request.Conflicts <= options.ConflictRetriesMax)
                retried.Add(request);
            else
                answering.FailUnstored(request, new StoreUnavailableException("Other nodes kept writing first."));
        }
    }

    /// <summary>
    /// The events may be in the log or not. Nobody is told that they are, and both streams are read before the next
    /// decision.
    /// </summary>
    private void Fail(CachedConversation conversation, List<Answer> answers, Exception failure)
    {
        conversation.Doubt();
        conversation.Failures = 1; // The read waits until the store answers.
        foreach (var answer in answers)
            answering.Fail(answer.Request, failure);
    }

    /// <summary>
    /// Logs one line an append, however many of its streams failed. A store that is away is reported elsewhere.
    /// </summary>
    private void LogOnce(IReadOnlyList<AppendOutcome> outcomes)
    {
        var failures = outcomes.OfType<AppendOutcome.Failed>().Select(failed => failed.Reason);
        if (failures.FirstOrDefault(failure => failure is not StoreUnavailableException) is { } failure)
            logger.LogError(failure, "An append failed.");
    }
}
