using System.Net;
using System.Text;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// A group whose members are all online: the first writes, the others receive. Checks that each gets every message
/// once, in order. Nobody confirms: the figure is the delivery alone.
/// </summary>
internal sealed class Crowd : IFrameSink
{
    /// <summary>More undelivered messages than this end the run: the server has stopped.</summary>
    private const int UnderWayMax = 1_024;
    private const int OpeningAtOnce = 10;

    private readonly record struct Sent(long At, long AckedAt, int Deliveries);

    private readonly Sent[] _ring = new Sent[UnderWayMax];
    private readonly Dictionary<SocketClient, long> _seqs = [];
    private readonly SocketClient _writer;
    private readonly LoadStatistics _statistics;
    private readonly byte[] _send;
    private readonly int _idAt;
    private int _sent, _done, _synced;

    public Crowd(
        EventLoop loop, IPEndPoint server, Guid group, IReadOnlyList<Account> accounts, string text,
        LoadStatistics statistics, Func<Func<bool>, bool> wait)
    {
        _statistics = statistics;
        const string Zeros = "00000000-0000-0000-0000-000000000000";
        _send = Encoding.UTF8.GetBytes(
            $$"""{"op":"send","message_id":"{{Zeros}}","conversation_id":"{{group}}","type":"text","text":"{{text}}"}""");
        _idAt = _send.AsSpan().IndexOf("00000000-"u8);
        _writer = new SocketClient(loop, server, accounts[0].Token, this);
        _seqs.Add(_writer, -1);
        for (var i = 1; i < accounts.Count; i++)
        {
            _seqs.Add(new SocketClient(loop, server, accounts[i].Token, this), -1);
            var wanted = i + 1 < accounts.Count ? i - OpeningAtOnce : accounts.Count;
            if (!wait(() => _synced >= wanted || statistics.Violations > 0) || statistics.Violations > 0)
            {
                throw new InvalidOperationException(
                    $"The members' sockets did not get ready. {string.Join(' ', statistics.Examples)}");
            }
        }
    }

    /// <summary>Called when the last member has got a message.</summary>
    public Action? Completed { get; set; }

    public int UnderWay => _sent - _done;

    public bool Measuring { get; set; }

    /// <summary>Messages delivered to members while <see cref="Measuring"/>.</summary>
    public long Deliveries { get; private set; }

    /// <summary>From the time a message was due until the last member has it.</summary>
    public LatencyHistogram ToLast { get; } = new();

    /// <summary>From a message's acknowledgement (it is durable) until the last member has it.</summary>
    public LatencyHistogram AckToLast { get; } = new();

    public void Send(long intended)
    {
        if (UnderWay == UnderWayMax)
        {
            throw new InvalidOperationException($"{UnderWayMax} messages of the group have not reached everybody.");
        }

        MessageIds.Of(0, _sent).TryFormat(_send.AsSpan(_idAt), out _);
        _ring[_sent++ % UnderWayMax] = new Sent(intended, AckedAt: 0, Deliveries: 0);
        _writer.Send(_send);
    }

    void IFrameSink.OnFrame(SocketClient client, ReadOnlySpan<byte> payload)
    {
        var frame = ServerFrame.Parse(payload);
        switch (frame.Op)
        {
            case Op.Synced:
                _synced++;
                break;
            case Op.Update:
                _seqs[client] = frame.Seq;
                break;
            case Op.Ack when client == _writer:
                Follow(client, frame);
                ref var acked = ref _ring[MessageIds.NumberOf(frame.MessageId) % UnderWayMax];
                acked = acked with { AckedAt = Clock.Now };
                break;
            case Op.Message:
                Follow(client, frame);
                Delivered(MessageIds.NumberOf(frame.MessageId));
                break;
            case Op.Error:
                _statistics.Refused(Encoding.UTF8.GetString(payload));
                break;
        }
    }

    void IFrameSink.OnClosed(SocketClient client, string why) => _statistics.Violation($"member's socket lost: {why}");

    private void Follow(SocketClient client, ServerFrame frame)
    {
        if (frame.Seq != _seqs[client] + 1)
        {
            _statistics.Violation($"seq {frame.Seq} came to a member after seq {_seqs[client]}");
        }

        _seqs[client] = frame.Seq;
    }

    private void Delivered(int number)
    {
        ref var sent = ref _ring[number % UnderWayMax];
        sent = sent with { Deliveries = sent.Deliveries + 1 };
        Deliveries += Measuring ? 1 : 0;
        if (sent.Deliveries < _seqs.Count - 1)
        {
            return;
        }

        _done++;
        if (Measuring)
        {
            ToLast.Record((long)Clock.Span(Clock.Now - sent.At).TotalMicroseconds);
            AckToLast.Record(sent.AckedAt == 0 ? 0 : (long)Clock.Span(Clock.Now - sent.AckedAt).TotalMicroseconds);
        }

        Completed?.Invoke();
    }
}
