using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>What must be true once a scene has come to rest.</summary>
internal sealed class Promises(Scene scene)
{
    private readonly Dictionary<ConversationId, List<Recorded>> _entries = [];

    public void Check()
    {
        foreach (var id in scene.Conversations)
            _entries.Add(id, Read(StreamName.Of(id)));

        Assert.All(scene.Answers, answer => Assert.True(answer.IsCompleted, "every request is answered"));
        foreach (var node in scene.Nodes)
        {
            Assert.False(node.HasEnded, "the partition goes on");
            Assert.Equal(0, node.Waiting);
            CheckShown(node);
        }

        CheckMessages();
        if (!scene.HadFaults)
            CheckOrderOfSenders();
        foreach (var (request, atLeast) in scene.Peeks)
            CheckPeek(request, atLeast);
        foreach (var (node, request) in scene.Changes)
            CheckChange(node, request);
        CheckReceipts();
    }

    private void CheckMessages()
    {
        var stored = _entries.Values.SelectMany(entries => entries)
            .Where(entry => entry.Event is ConversationEvent.MessageSent)
            .ToLookup(entry => ((ConversationEvent.MessageSent)entry.Event).MessageId);
        Assert.All(stored, entries => Assert.True(entries.Count() == 1, "an id names one message"));
        foreach (var sends in scene.Sends.GroupBy(s => (s.Request.Command.Sender, s.Request.Command.MessageId)))
        {
            var entries = stored[sends.Key.MessageId]
                .Where(entry => ((ConversationEvent.MessageSent)entry.Event).Sender == sends.Key.Sender).ToList();
            var answers = sends.Select(send => send.Request.Answer).ToList();
            var sent = answers.Where(answer => answer.IsCompletedSuccessfully)
                .Select(answer => answer.Result).ToList();
            Assert.All(sent, answer => Assert.Equal((entries[0].Revision, entries[0].At), (answer.Seq, answer.SentAt)));
            Assert.True(sent.Count(answer => !answer.Duplicate) <= 1, "a message is accepted once");
            var isRefused = answers[^1].Exception?.InnerException is RefusedException;
            Assert.True(isRefused || answers[^1].IsCompletedSuccessfully, "without faults it is stored or refused");
            Assert.True(!isRefused || entries.Count == 0, "a stored message is not refused");
        }
    }

    /// <summary>
    /// Without faults, messages that one sender sent once each over one node are stored in the order of their sending.
    /// </summary>
    private void CheckOrderOfSenders()
    {
        var once = scene.Sends.Take(scene.SendsBeforeRetries)
            .GroupBy(s => (s.Request.Command.Sender, s.Request.Command.MessageId)).Where(sends => sends.Count() == 1)
            .Select(sends => sends.Single());
        foreach (var sends in once.GroupBy(s => (s.Node, s.Request.Conversation, s.Request.Command.Sender)))
        {
            var seqs = sends.Where(send => send.Request.Answer.IsCompletedSuccessfully)
                .Select(send => send.Request.Answer.Result.Seq).ToList();
            Assert.Equal(seqs.Order(), seqs);
        }
    }

    private void CheckPeek(PendingPeek request, long atLeast)
    {
        if (!request.Answer.IsCompletedSuccessfully)
            return;
        var (peeked, entries) = (request.Answer.Result, _entries[request.Conversation]);
        Assert.InRange(peeked.LastSeq, atLeast, entries.Count - 1);
        var folded = entries.Take((int)peeked.LastSeq + 1).Select(entry => (ConversationEvent)entry.Event)
            .Aggregate(Conversation.NotStarted, Conversation.Evolve);
        Assert.Equal(folded.Members.Keys.ToHashSet(), peeked.Members.Keys.ToHashSet());
    }

    private void CheckChange(SimulatedNode node, PendingChange request)
    {
        if (!request.Answer.IsCompletedSuccessfully || request.Answer.Result.Events is not [var decided, ..])
            return;
        var seq = _entries[request.Conversation]
            .FindIndex(entry => entry.Event.GetType() == decided.GetType() && entry.At == decided.At);
        Assert.True(seq >= 0, "an acknowledged change is in the log");
        Assert.Contains(seq, node.Shown[request.Conversation]);
    }

    /// <summary>
    /// A socket keeps the highest seq that it was handed, drops lower ones, and fetches the entries that a jump leaves
    /// out. So what is handed to it later may begin lower, but must go on without a hole up to its highest.
    /// </summary>
    private void CheckShown(SimulatedNode node)
    {
        foreach (var (conversation, shown) in node.Shown)
        {
            var highest = shown[0];
            for (var i = 1; i < shown.Count; i++)
            {
                var goesOn = shown[i] == shown[i - 1] + 1 || shown[i - 1] == highest;
                Assert.True(goesOn, $"{string.Join(' ', shown)} has no hole below the highest");
                highest = Math.Max(highest, shown[i]);
            }

            Assert.True(highest < _entries[conversation].Count, "only entries of the log are shown");
        }

        foreach (var news in node.Noticed)
        {
            var shown = node.Shown.GetValueOrDefault(news.Conversation, []);
            for (var seq = news.FirstSeq; seq <= news.LastSeq; seq++)
                Assert.Contains(seq, shown);
        }
    }

    /// <summary>
    /// Acknowledged receipts are in the log, and authors were told of the highest watermarks that it holds.
    /// </summary>
    private void CheckReceipts()
    {
        var stored = scene.Conversations.ToDictionary(id => id, id => Read(StreamName.OfReceipts(id))
            .Aggregate(Watermarks.None, (marks, fact) => Watermarks.Evolve(marks, (ReceiptEvent)fact.Event)));
        foreach (var (_, request) in scene.Receipts.Where(receipt => receipt.Request.Answer.IsCompletedSuccessfully))
            Assert.True(stored[request.Conversation].Of(request.Command.User).Delivered >= request.Command.UpToSeq);

        foreach (var (id, marks) in stored)
        {
            foreach (var user in scene.People)
            {
                var told = scene.Nodes
                    .Select(node => node.Receipts.GetValueOrDefault((id, user), (Delivered: -1, Read: -1))).ToList();
                Assert.Equal(marks.Of(user).Delivered, told.Max(mark => mark.Delivered));
                Assert.Equal(marks.Of(user).Read, told.Max(mark => mark.Read));
            }
        }
    }

    private List<Recorded> Read(string stream)
    {
        var page = scene.Result(scene.Log.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 100_000, default));
        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, page));
        return [.. page.Select(new EventCodec().Decode)];
    }
}
