using System.Text;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// Two people in one conversation: the first writes, the second confirms. Checks the server's promises: seqs without a
/// gap in the order sent, every message once, no receipt for an undelivered message.
/// </summary>
internal sealed class Pair : IFrameSink
{
    /// <summary>More messages under way in one conversation end the run: the server has stopped answering.</summary>
    private const int UnderWayMax = 4096;

    private readonly record struct Sent(long At, long Seq, bool Refused);

    private readonly Sent[] _ring = new Sent[UnderWayMax];
    private readonly int _index;
    private readonly LoadStatistics _statistics;
    private readonly bool _reads;
    private readonly byte[] _send;
    private readonly byte[] _receipt;
    private readonly int _idAt;
    private readonly int _receiptSeqAt;
    private readonly SocketClient _writer, _reader;
    private int _sent, _acked, _done, _delivered;
    private long _ackedSeq = -1, _deliveredSeq = -1, _confirmedSeq = -1;
    private int _synced;

    public Pair(int index, EventLoop loop, LoadTarget target, LoadStatistics statistics)
    {
        (_index, _statistics, _reads) = (index, statistics, target.Reads);
        const string Zeros = "00000000-0000-0000-0000-000000000000";
        _send = Encoding.UTF8.GetBytes($$"""
            {"op":"send","message_id":"{{Zeros}}","conversation_id":"{{target.Conversation}}","type":"text","text":"{{target.Text}}"}
            """);
        _idAt = _send.AsSpan().IndexOf("00000000-"u8);
        var receipt =
            $$"""{"op":"{{(_reads ? "read" : "delivered")}}","conversation_id":"{{target.Conversation}}","seq":""";
        _receipt = Encoding.UTF8.GetBytes(receipt + new string(' ', 20));
        _receiptSeqAt = receipt.Length;
        _writer = new SocketClient(loop, target.Server, target.Writer, this);
        _reader = new SocketClient(loop, target.Server, target.Reader, this);
    }

    /// <summary>
    /// Called for each complete cycle: the message is acknowledged, and its receipt has reached the writer.
    /// </summary>
    public Action<Pair>? Completed { get; set; }

    public bool IsReady => _synced == 2;

    public int UnderWay => _sent - _done;

    /// <summary>Acknowledged messages that have not reached the reader.</summary>
    public int Undelivered => _acked - _delivered;

    /// <param name="intended">The time the message was due; its latencies count from there.</param>
    public void Send(long intended)
    {
        if (UnderWay == UnderWayMax)
        {
            throw new InvalidOperationException($"{UnderWayMax} messages of one conversation are unanswered.");
        }

        MessageIds.Of(_index, _sent).TryFormat(_send.AsSpan(_idAt), out _);
        _ring[_sent++ % UnderWayMax] = new Sent(intended, Seq: -1, Refused: false);
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
            case Op.Update when client == _writer:
                _ackedSeq = Math.Max(_ackedSeq, frame.Seq);
                break;
            case Op.Update:
                _deliveredSeq = Math.Max(_deliveredSeq, frame.Seq);
                break;
            case Op.Ack when client == _writer:
                OnAck(frame);
                break;
            case Op.Message when client == _reader:
                OnMessage(frame);
                break;
            case Op.Receipt when client == _writer:
                _confirmedSeq = Math.Max(_confirmedSeq, _reads ? frame.ReadSeq : frame.DeliveredSeq);
                Complete();
                break;
            case Op.Error:
                OnError(frame, payload);
                break;
            case Op.Welcome:
                break;
            default:
                var where = client == _writer ? "writer" : "reader";
                _statistics.Violation($"unexpected at the {where}: {Encoding.UTF8.GetString(payload)}");
                break;
        }
    }

    void IFrameSink.OnClosed(SocketClient client, string why) => _statistics.Violation($"socket lost: {why}");

    private void OnAck(ServerFrame frame)
    {
        SkipRefused();
        var number = MessageIds.NumberOf(frame.MessageId);
        if (number != _acked || number >= _sent || frame.Seq != _ackedSeq + 1)
        {
            _statistics.Violation(
                $"message {number} got seq {frame.Seq}; next were message {_acked} and seq {_ackedSeq + 1}");
            return;
        }

        ref var sent = ref _ring[number % UnderWayMax];
        sent = sent with { Seq = frame.Seq };
        _statistics.Acked(sent.At);
        _ackedSeq = frame.Seq;
        _acked++;
        Complete();
    }

    private void OnMessage(ServerFrame frame)
    {
        if (frame.Seq != _deliveredSeq + 1)
        {
            _statistics.Violation($"seq {frame.Seq} was delivered after seq {_deliveredSeq}");
        }

        var number = MessageIds.NumberOf(frame.MessageId);
        if (number < _delivered || number >= _sent)
        {
            _statistics.Violation($"message {number} was delivered after {_delivered} messages");
        }

        _deliveredSeq = frame.Seq;
        _delivered++;
        frame.Seq.TryFormat(_receipt.AsSpan(_receiptSeqAt), out var digits);
        _receipt[_receiptSeqAt + digits] = (byte)'}';
        _reader.Send(_receipt.AsSpan(0, _receiptSeqAt + digits + 1));
    }

    private void OnError(ServerFrame frame, ReadOnlySpan<byte> payload)
    {
        _statistics.Refused(Encoding.UTF8.GetString(payload));
        var number = MessageIds.NumberOf(frame.MessageId);
        if (number >= _acked && number < _sent)
        {
            _ring[number % UnderWayMax] = _ring[number % UnderWayMax] with { Refused = true };
            Complete();
        }
    }

    private void Complete()
    {
        if (_confirmedSeq > _deliveredSeq)
        {
            _statistics.Violation(
                $"a receipt up to seq {_confirmedSeq} came back where seq {_deliveredSeq} was delivered last");
        }

        while (_done < _sent)
        {
            var sent = _ring[_done % UnderWayMax];
            if (!sent.Refused && (sent.Seq < 0 || sent.Seq > _confirmedSeq))
            {
                return;
            }

            _done++;
            if (!sent.Refused)
            {
                _statistics.Completed(sent.At);
            }

            Completed?.Invoke(this);
        }
    }

    private void SkipRefused()
    {
        while (_acked < _sent && _ring[_acked % UnderWayMax].Refused)
        {
            _acked++;
            _delivered++;
        }
    }
}
