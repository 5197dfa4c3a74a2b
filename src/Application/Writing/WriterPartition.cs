using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Decides and appends for its share of the conversations. One loop owns all of the state and starts the steps: <see
/// cref="Loading"/>, <see cref="Preparing"/>, deciding, <see cref="Committing"/>. Reads and appends run beside the loop
/// and continue in its mailbox. While one batch is being appended the next one gathers: the more load, the larger the
/// batch (group commit).
/// </summary>
internal sealed class WriterPartition
{
    private readonly Decider _decider;
    private readonly Committed _committed;
    private readonly ClockGuard _guard;
    private readonly WriterOptions _options;
    private readonly Mailbox _mailbox = new();
    private readonly Backlog _backlog;
    private readonly ConversationCache _conversations;
    private readonly Answering _answering;
    private readonly Loading _loading;
    private readonly Preparing _preparing;
    private readonly Committing _committing;
    private readonly Queue<CachedConversation> _ready = [];
    private bool _isStopping;

    public WriterPartition(
        IEventStore store, ConversationLoader loader, Decider decider, SentIds sentIds, IdLookUp lookUp,
        ILiveDelivery live, INodeBus bus, TracedAppends traced, Committed committed, ClockGuard guard,
        WriterOptions options, TimeProvider clock, ILogger logger)
    {
        (_decider, _committed, _guard, _options) = (decider, committed, guard, options);
        _backlog = new Backlog(options);
        _conversations = new ConversationCache(options.ConversationsMax);
        _answering = new Answering(_backlog, sentIds, traced, logger);
        var showing = new Showing(live, bus);
        var probe = new StoreProbe(store, clock);
        _loading = new Loading(loader, probe, showing, _answering, _conversations, _mailbox, Schedule);
        _preparing = new Preparing(decider, lookUp, _answering, _mailbox, Schedule, logger);
        _committing = new Committing(store, showing, _answering, committed, options, _mailbox, Schedule, logger);
    }

    /// <summary>Requests that are not answered yet.</summary>
    public int Waiting => _backlog.Count;

    /// <summary>Takes a request in.</summary>
    /// <exception cref="StoreUnavailableException">The backlog is full, or the node is stopping.</exception>
    public void Post(Pending request)
    {
        if (!_backlog.TryEnter(request))
            throw new StoreUnavailableException("The writer has more to do than it may keep waiting.");
        if (!_mailbox.TryPost(request))
        {
            _backlog.Leave(request);
            throw new StoreUnavailableException("The node is going away.");
        }

        request.Origin.Admitted?.Invoke();
    }

    /// <summary>Another node appended entries.</summary>
    /// <param name="isWatched">
    /// Whether sockets of this node want them; otherwise only a conversation in memory is brought up to date.
    /// </param>
    public void Notice(ConversationId id, long firstSeq, long lastSeq, bool isWatched) => _mailbox.TryPost(() =>
    {
        if (!isWatched && !_conversations.Holds(id))
            return;
        var conversation = _conversations.Get(id);
        conversation.Notice(isWatched ? firstSeq : Progress.None, lastSeq); // Nobody is to be shown what is known.
        if (conversation.Phase == Phase.Idle && conversation.Progress.IsStale)
            Schedule(conversation);
    });

    /// <summary>Answers the requests that wait, and then ends.</summary>
    public void Stop() => _mailbox.TryPost(() => _isStopping = true);

    /// <summary>
    /// Runs until the partition was stopped and nothing waits, or until it fails; then it accepts nothing more.
    /// </summary>
    public async Task RunAsync()
    {
        try
        {
            while (await _mailbox.WaitAsync())
            {
                RunMailbox();
                while (_ready.Count > 0 && _committing.UnderWay < _options.AppendsInFlight)
                    AppendBatch();
                if (_isStopping && Waiting == 0)
                    _mailbox.Close();
            }
        }
        finally
        {
            _mailbox.Close();
        }
    }

    /// <summary>The log has lost entries: every conversation is read anew before its next decision.</summary>
    public void ForgetAll() => _mailbox.TryPost(() =>
    {
        foreach (var conversation in _conversations.All())
        {
            if (conversation.IsUnused && !conversation.Progress.IsStale)
            {
                _conversations.Forget(conversation);
                continue;
            }

            conversation.IsOutdated = true;
            if (conversation.Phase == Phase.Idle)
                Schedule(conversation);
        }
    });

    private void RunMailbox()
    {
        while (_mailbox.Take() is { } item)
        {
            if (item is Pending request)
                Enqueue(request);
            else
                ((Action)item)();
        }
    }

    private void Enqueue(Pending request)
    {
        var conversation = _conversations.Get(request.Conversation);
        if (request is PendingPeek peek && conversation.CanBePeeked && !conversation.IsOutdated)
        {
            _answering.Answer(peek, conversation);
            return;
        }

        conversation.Enqueue(request);
        if (conversation.Phase == Phase.Idle)
            Schedule(conversation);
    }

    /// <summary>Starts the next step for a conversation whose last step has ended.</summary>
    private void Schedule(CachedConversation conversation)
    {
        conversation.Phase = Phase.Idle;
        if (conversation.IsOutdated)
            conversation.ForgetRead();
        var hasWork = conversation.Waiting.Count > 0;
        if (conversation.Progress.IsStale || (hasWork && (conversation.Stream is null || conversation.NeedsReceipts)))
            _loading.Start(conversation);
        else if (hasWork)
            MakeReady(conversation);
        else if (conversation.Stream?.State.Kind is null && conversation.IsUnused)
            _conversations.Forget(conversation); // It does not exist.
    }

    private void MakeReady(CachedConversation conversation)
    {
        conversation.Phase = Phase.Ready;
        _ready.Enqueue(conversation);
    }

    private void AppendBatch()
    {
        var batch = new Batch();
        while (batch.HasRoom(_options) && _ready.TryDequeue(out var conversation))
        {
            if (Decide(conversation) is { } decision)
                batch.Add(decision);
        }

        if (batch.Appends.Count > 0)
            _committing.Start(batch);
    }

    /// <summary>Decides what waits; null when another step comes first, or when there is nothing to append.</summary>
    private Decision? Decide(CachedConversation conversation)
    {
        if (conversation.IsOutdated)
            conversation.ForgetRead();
        if (conversation.NeedsReceipts || conversation.Stream is null)
        {
            _loading.Start(conversation);
            return null;
        }

        if (_guard.Problem is { } problem)
            _answering.RefuseWaiting(conversation, new StoreUnavailableException(problem));
        _preparing.Start(conversation);
        if (conversation.Waiting.Count == 0)
        {
            Schedule(conversation);
            return null;
        }

        if (_decider.Decide(conversation, _committed.Position, out var decided) is not { } decision)
        {
            _loading.Start(conversation);
            return null;
        }

        _answering.TakeDecided(conversation, decided);
        if (decision.HasEvents)
        {
            conversation.Phase = Phase.Appending;
            return decision;
        }

        _answering.AnswerUnchanged(decision);
        Schedule(conversation);
        return null;
    }
}
