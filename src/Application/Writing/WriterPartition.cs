using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Decides and appends for its share of the conversations. One loop owns all of its state; reads and appends run beside it and report back
/// through the mailbox. While a batch is on its way, the next one gathers: the more load, the larger the batch (group commit).
/// </summary>
internal sealed class WriterPartition(
    IEventStore store, EntryLoader loader, Decider decider, IdLookUp lookUp, ILiveDelivery live, INodeBus bus, TracedAppends traced, Committed committed,
    WriterOptions options, TimeProvider clock, ILogger logger)
{
    /// <summary>How long to wait before a store that failed is asked again, at most.</summary>
    private static readonly TimeSpan BackoffMax = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After so many failures in a row a conversation that cannot be read is forgotten; the next command reads it anew. While the store is away none
    /// is: its last entries may not have been shown to sockets yet. No more wait for that than there are conversations in memory.
    /// </summary>
    private const int FailuresMax = 60;

    private static readonly Histogram<int> BatchSize = Telemetry.Meter.CreateHistogram<int>("chat.append.events", "{event}", "Events in one append.");
    private static readonly Histogram<double> AppendTime = Telemetry.Meter.CreateHistogram<double>("chat.append.duration", "s", "Time of one append.");
    private static readonly Counter<long> Conflicts = Telemetry.Meter.CreateCounter<long>("chat.append.conflicts", "{stream}", "Streams that another node wrote to first.");

    private readonly Channel<object> _mailbox = Channel.CreateUnbounded<object>(new() { SingleReader = true });
    private readonly Backlog _backlog = new(options);
    private readonly EntryCache _entries = new(options.ConversationsMax);
    private readonly Queue<Entry> _ready = [];
    private int _appends;
    private bool _stopping;

    /// <summary>Asks a store that failed whether it is back: one question for all conversations that wait for that.</summary>
    private Task _probe = Task.CompletedTask;

    /// <summary>Commands that are not answered yet.</summary>
    public int Waiting => _backlog.Count;

    /// <summary>Takes a command in.</summary>
    /// <exception cref="StoreUnavailableException">The queue is full, or the node is going away.</exception>
    public void Post(Work work)
    {
        if (!_backlog.TryEnter(work))
            throw new StoreUnavailableException("The writer has more to do than it may keep waiting.");
        if (!_mailbox.Writer.TryWrite(work))
        {
            _backlog.Leave(work);
            throw new StoreUnavailableException("The node is going away.");
        }

        work.Origin.Admitted?.Invoke();
    }

    /// <summary>Lets what waits finish, and takes nothing more.</summary>
    public void Stop() => _mailbox.Writer.TryWrite((Action)(() => _stopping = true));

    /// <summary>Another node wrote.</summary>
    public void Notice(ConversationId id, long firstSeq, long lastSeq, bool wanted) => _mailbox.Writer.TryWrite((Action)(() =>
    {
        if (!wanted && !_entries.Holds(id))
            return;
        var entry = _entries.Of(id);
        var shown = entry.Conversation is not null && firstSeq > entry.UnshownThrough;
        if (shown && entry.Conversation!.Revision >= lastSeq)
            return;
        if (!shown)
            entry.PublishFrom = Math.Min(entry.PublishFrom ?? firstSeq, firstSeq);
        entry.Stale = true;
        entry.StaleAgain = entry.Phase == Phase.Loading;
        if (entry.Phase == Phase.Idle)
            Schedule(entry);
    }));

    /// <summary>Runs until it was stopped and nothing waits. When it ends otherwise, which is a mistake of ours, it takes nothing more.</summary>
    public async Task RunAsync()
    {
        try
        {
            await WorkAsync();
        }
        finally
        {
            _mailbox.Writer.TryComplete();
        }
    }

    private async Task WorkAsync()
    {
        while (await _mailbox.Reader.WaitToReadAsync())
        {
            while (_mailbox.Reader.TryRead(out var item))
            {
                if (item is Work work)
                    Take(work);
                else
                    ((Action)item)();
            }

            while (_ready.Count > 0 && _appends < options.AppendsInFlight)
                Launch();
            if (_stopping && Waiting == 0)
                _mailbox.Writer.TryComplete();
        }
    }

    private void Take(Work work)
    {
        var entry = _entries.Of(work.Conversation);
        entry.Waiting.Enqueue(work);
        if (entry.Phase == Phase.Idle)
            Schedule(entry);
    }

    /// <summary>Decides what happens next for a conversation that nothing is under way for.</summary>
    private void Schedule(Entry entry)
    {
        entry.Phase = Phase.Idle;
        if (entry.Stale || (entry.Waiting.Count > 0 && (entry.Conversation is null || WantsReceipts(entry))))
            Load(entry);
        else if (entry.Waiting.Count > 0)
            MakeReady(entry);
        else if (entry.Conversation?.State.Kind is null)
            _entries.Forget(entry);
    }

    private static bool WantsReceipts(Entry entry) => entry.Receipts is null && entry.Waiting.Any(work => work is AcknowledgeWork);

    private void MakeReady(Entry entry)
    {
        entry.Phase = Phase.Ready;
        _ready.Enqueue(entry);
    }

    // ---- Reading

    private void Load(Entry entry)
    {
        entry.Phase = Phase.Loading;
        foreach (var work in entry.Waiting)
            work.Fresh = true;
        var publishFrom = entry.PublishFrom;
        Then(LoadAsync(entry, entry.Receipts is not null || WantsReceipts(entry), publishFrom), task => Loaded(entry, publishFrom, task));
    }

    private async Task<(StreamState<Conversation>, IReadOnlyList<Recorded>, StreamState<Watermarks>?)> LoadAsync(
        Entry entry, bool receipts, long? publishFrom)
    {
        if (entry.Failures > 0 && entry.Stale)
            await (_probe.IsCompleted ? _probe = ProbeAsync(entry.Failures) : _probe);
        var (conversation, news) = await loader.ConversationAsync(entry.Id, entry.Conversation, publishFrom, CancellationToken.None);
        return (conversation, news, receipts ? await loader.ReceiptsAsync(entry.Id, entry.Receipts, CancellationToken.None) : null);
    }

    private async Task ProbeAsync(int failures)
    {
        await Task.Delay(Backoff(failures), clock);
        await store.HeadAsync(CancellationToken.None);
    }

    private void Loaded(
        Entry entry, long? publishFrom,
        Task<(StreamState<Conversation> Conversation, IReadOnlyList<Recorded> News, StreamState<Watermarks>? Receipts)> task)
    {
        if (task.Exception is { } failure)
        {
            FailWaiting(entry, failure.InnerException!);
            entry.Failures++;
            if (entry.Conversation is null || (entry.Failures > FailuresMax && failure.InnerException is not StoreUnavailableException))
                _entries.Forget(entry);
            else
                Schedule(entry);
            return;
        }

        var (conversation, news, receipts) = task.Result;
        entry.UnshownThrough = UnshownThrough(entry, conversation.Revision, news);
        entry.Conversation = conversation;
        entry.Receipts = receipts ?? entry.Receipts;
        entry.Stale = entry.StaleAgain;
        entry.StaleAgain = false;
        if (entry.PublishFrom == publishFrom)
            entry.PublishFrom = null; // Otherwise it was announced while this was read, and may be in the state already: the next load shows it.
        entry.Failures = 0;
        if (news.Count > 0)
            Audience.Publish(live, Audience.Shown(news), conversation.State);
        if (receipts is not null)
        {
            Show(entry, entry.Unsure);
            entry.Unsure = [];
        }

        Schedule(entry);
    }

    /// <summary>What is not among the news and was not in the state before has been read without being shown.</summary>
    private static long UnshownThrough(Entry entry, long revision, IReadOnlyList<Recorded> news)
    {
        var known = entry.Conversation?.Revision;
        var shownFrom = news.Count > 0 ? news[0].Revision : revision + 1;
        return shownFrom <= known + 1 ? Math.Min(entry.UnshownThrough, shownFrom - 1) : shownFrom - 1;
    }

    private void LookUp(Entry entry, List<SendWork> sends)
    {
        var conversation = entry.Conversation!;
        var asked = conversation.State.Recent.HasLeftNothing
            ? lookUp.FindAsync(sends, StreamAppend.NoStream, LogPosition.Start)
            : lookUp.FindAsync(sends, conversation.Revision, conversation.Position);
        Await(entry, asked, send => decider.NeedsLookUp(conversation, send));
    }

    /// <summary>Seals messages again that were sealed for another time than the conversation keeps them. They keep their places.</summary>
    private void Seal(Entry entry, List<SendWork> sends)
    {
        var retention = entry.Conversation!.State.Retention;
        Await(entry, SealAsync(retention), send => send.NeedsSealing(retention));

        async Task<bool> SealAsync(RetentionPolicy policy)
        {
            foreach (var send in sends)
                await send.SealAsync(policy);
            return true;
        }
    }

    /// <summary>Waits for what some messages need. Those that need it still when it failed, fail with it, also if they came meanwhile; nothing else does.</summary>
    private void Await(Entry entry, Task<bool> asked, Func<SendWork, bool> needs)
    {
        entry.Phase = Phase.LookingUp;
        Then(asked, task =>
        {
            if (task.Exception is { } failure)
                FailWaiting(entry, failure.InnerException!, work => work is SendWork send && needs(send));
            Schedule(entry);
        });
    }

    // ---- Appending

    private void Launch()
    {
        var decisions = new List<Decision>();
        var appends = new List<StreamAppend>();
        var (events, bytes) = (0, 0);
        while (events < options.BatchMax && bytes < options.BatchBytesMax && _ready.TryDequeue(out var entry))
        {
            if (Decide(entry) is not { } decision)
                continue;
            decisions.Add(decision);
            events += decision.EventCount;
            bytes += decision.Bytes;
            if (decision.Conversation.Events.Count > 0)
                appends.Add(decision.Conversation.Append(StreamName.Of(entry.Id)));
            if (decision.Receipts?.Events.Count > 0)
                appends.Add(decision.Receipts.Append(StreamName.OfReceipts(entry.Id)));
        }

        if (appends.Count == 0)
            return;
        _appends++;
        BatchSize.Record(events);
        Then(AppendAsync(appends, RequestsOf(decisions)), task => Appended(decisions, task));
    }

    private async Task<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<StreamAppend> appends, IReadOnlyList<Activity> requests)
    {
        var (started, startedAt) = (Stopwatch.GetTimestamp(), requests.Count > 0 ? DateTimeOffset.UtcNow : default);
        var outcomes = await store.AppendAsync(appends, CancellationToken.None);
        AppendTime.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        foreach (var request in requests)
        {
            using var span = Telemetry.StartFor(request.Context, "append", startedAt);
            span?.SetTag("chat.streams", appends.Count);
        }

        return outcomes;
    }

    /// <summary>The sampled requests that a batch answers: each sees the append in its own trace.</summary>
    private static IReadOnlyList<Activity> RequestsOf(List<Decision> decisions) => Telemetry.Source.HasListeners()
        ? [.. decisions.SelectMany(decision => decision.Answers.Concat(decision.ReceiptAnswers)).Select(answer => answer.Work.Request).OfType<Activity>()]
        : [];

    /// <summary>Decides what waits; null when something else comes first, or when there was nothing to append.</summary>
    private Decision? Decide(Entry entry)
    {
        if (WantsReceipts(entry))
        {
            Load(entry);
            return null;
        }

        List<SendWork>? unknown = null;
        List<SendWork>? outdated = null;
        var conversation = entry.Conversation!;
        foreach (var work in entry.Waiting)
        {
            if (work is not SendWork send)
                continue;
            if (decider.NeedsLookUp(conversation, send))
                (unknown ??= []).Add(send);
            if (send.NeedsSealing(conversation.State.Retention))
                (outdated ??= []).Add(send);
        }

        if (unknown is not null)
        {
            LookUp(entry, unknown);
            return null;
        }

        if (outdated is not null)
        {
            Seal(entry, outdated);
            return null;
        }

        if (decider.Decide(entry, committed.Position, out var decided) is not { } decision)
        {
            Load(entry);
            return null;
        }

        for (; decided > 0; decided--)
        {
            if (entry.Waiting.Dequeue() is PeekWork peek)
            {
                peek.Complete(entry.Conversation!.State);
                _backlog.Leave(peek);
            }
        }

        if (decision.HasEvents)
        {
            entry.Phase = Phase.Appending;
            return decision;
        }

        Give(decision.Answers, entry.Conversation!.Position);
        Give(decision.ReceiptAnswers, entry.Receipts?.Position ?? LogPosition.Start);
        Schedule(entry);
        return null;
    }

    private void Appended(List<Decision> decisions, Task<IReadOnlyList<AppendOutcome>> task)
    {
        _appends--;
        if (task.Exception is { } failure)
        {
            Failed(decisions, failure.InnerException!);
            return;
        }

        var outcomes = task.Result;
        Tell(outcomes.OfType<AppendOutcome.Failed>().Select(failed => failed.Reason));
        var next = 0;
        foreach (var decision in decisions)
        {
            var again = new List<Work>();
            if (decision.Conversation.Events.Count == 0)
                Give(decision.Answers, decision.Entry.Conversation!.Position);
            else if (outcomes[next++] is AppendOutcome.Appended appended)
                Commit(decision, appended);
            else if (outcomes[next - 1] is AppendOutcome.Failed failed)
                Failed(decision.Entry, decision.Answers, failed.Reason);
            else
                Again(decision.Answers, again);

            if (decision.Receipts is null || decision.Receipts.Events.Count == 0)
                Give(decision.ReceiptAnswers, decision.Entry.Receipts?.Position ?? LogPosition.Start);
            else if (outcomes[next++] is AppendOutcome.Appended appended)
                CommitReceipts(decision, appended);
            else if (outcomes[next - 1] is AppendOutcome.Failed failed)
                Failed(decision.Entry, decision.ReceiptAnswers, failed.Reason, decision.Raised);
            else
                Again(decision.ReceiptAnswers, again);

            if (again.Count > 0)
                Requeue(decision.Entry, again);
            Schedule(decision.Entry);
        }
    }

    private void Commit(Decision decision, AppendOutcome.Appended appended)
    {
        var entry = decision.Entry;
        entry.Conversation = decision.Conversation.At(appended.Position);
        committed.Raise(appended.Position);
        var all = Audience.Publish(
            live, [.. decision.Live.Select(item => item with { Entry = item.Entry with { Position = appended.Position } })],
            entry.Conversation.State);
        bus.Announce(new CommittedEntries(
            entry.Id, decision.Live[0].Entry.Revision, entry.Conversation.Revision, all.Count <= CommittedEntries.MembersMax ? all : []));
        Give(decision.Answers, appended.Position);
    }

    private void CommitReceipts(Decision decision, AppendOutcome.Appended appended)
    {
        var entry = decision.Entry;
        entry.Receipts = decision.Receipts!.At(appended.Position);
        committed.Raise(appended.Position);
        Show(entry, decision.Raised);
        Give(decision.ReceiptAnswers, appended.Position);
    }

    /// <summary>Tells of the receipts that the log holds, whoever is concerned.</summary>
    private void Show(Entry entry, IReadOnlyList<RaisedMark> raised)
    {
        foreach (var (work, before, at) in raised)
        {
            var after = entry.Receipts!.State.Of(work.Command.User);
            if (after.Delivered <= before.Delivered && after.Read <= before.Read)
                continue;
            var receipt = Receipt(entry, work, before, after, at);
            live.Publish(receipt);
            bus.Announce(receipt);
        }
    }

    private static LiveReceipt Receipt(Entry entry, AcknowledgeWork work, Watermark before, Watermark after, DateTimeOffset at)
    {
        var (user, state) = (work.Command.User, entry.Conversation!.State);
        var (from, upTo) = after.Read > before.Read
            ? (Math.Min(before.Read, before.Delivered), after.Read)
            : (before.Delivered, after.Delivered);
        if (state.Members.TryGetValue(user, out var member))
            from = Math.Max(from, member.JoinedSeq - 1);
        return new LiveReceipt(
            entry.Id, user, work.Command.Device, after.Delivered, after.Read, at, [.. state.AuthorsBetween(from, upTo, except: user)]);
    }

    private void Again(List<Answer> answers, List<Work> again)
    {
        Conflicts.Add(1);
        foreach (var answer in answers)
        {
            if (++answer.Work.Conflicts > options.ConflictRetriesMax)
                Fail(answer.Work, new StoreUnavailableException("Other nodes kept writing to this conversation first."));
            else
                again.Add(answer.Work);
        }
    }

    private static void Requeue(Entry entry, List<Work> first)
    {
        entry.Stale = true;
        var rest = entry.Waiting.ToArray();
        entry.Waiting.Clear();
        foreach (var work in first.Concat(rest))
            entry.Waiting.Enqueue(work);
    }

    private void Failed(List<Decision> decisions, Exception failure)
    {
        Tell([failure]);
        foreach (var decision in decisions)
        {
            Failed(decision.Entry, decision.Answers, failure);
            Failed(decision.Entry, decision.ReceiptAnswers, failure, decision.Raised);
            Schedule(decision.Entry);
        }
    }

    /// <summary>Whether the events are in the log is unknown: nobody is told that they are, and the tails are read before anything else.</summary>
    /// <param name="raised">The receipts among them.</param>
    private void Failed(Entry entry, List<Answer> answers, Exception failure, IReadOnlyList<RaisedMark>? raised = null)
    {
        foreach (var answer in answers)
            Fail(answer.Work, failure);
        entry.Stale = true;
        entry.Failures = 1;
        entry.Unsure = raised ?? entry.Unsure;
    }

    /// <summary>One line an append, however many of its streams failed: a store that is away shows elsewhere.</summary>
    private void Tell(IEnumerable<Exception> failures)
    {
        if (failures.FirstOrDefault(failure => failure is not StoreUnavailableException) is { } failure)
            logger.LogError(failure, "An append failed.");
    }

    // ---- Answering

    private void Give(List<Answer> answers, LogPosition position)
    {
        foreach (var answer in answers)
        {
            if (answer.Work.Request is { } request && !answer.Repeated)
                traced.Add(position, request.Context);
            answer.Give(position);
            _backlog.Leave(answer.Work);
        }
    }

    private void Fail(Work work, Exception failure)
    {
        work.Fail(failure);
        _backlog.Leave(work);
    }

    /// <param name="which">Those that fail; the others keep their places. Null for all.</param>
    private void FailWaiting(Entry entry, Exception failure, Func<Work, bool>? which = null)
    {
        if (failure is not StoreUnavailableException)
            logger.LogError(failure, "Reading conversation {Conversation} failed.", entry.Id);
        for (var left = entry.Waiting.Count; left > 0; left--)
        {
            var work = entry.Waiting.Dequeue();
            if (which is null || which(work))
                Fail(work, failure);
            else
                entry.Waiting.Enqueue(work);
        }
    }

    private static TimeSpan Backoff(int failures) =>
        TimeSpan.FromMilliseconds(Math.Min(BackoffMax.TotalMilliseconds, 50 * Math.Pow(2, Math.Min(failures, 10))));

    private void Then<T>(Task<T> task, Action<Task<T>> next) => task.ContinueWith(
        (done, _) => _mailbox.Writer.TryWrite((Action)(() => next(done))), null,
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
