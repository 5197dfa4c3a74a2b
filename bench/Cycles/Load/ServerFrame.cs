using System.Buffers.Text;
using System.Text.Json;

namespace ChatCqrs.Bench.Load;

internal enum Op { Other, Welcome, Synced, Ack, Message, Receipt, Update, Error }

/// <summary>The fields of a server's frame that the generator needs; -1 where a number is absent.</summary>
internal readonly record struct ServerFrame(Op Op, Guid MessageId, long Seq, long DeliveredSeq, long ReadSeq)
{
    /// <summary>Reads a frame without allocating. Properties may come in any order.</summary>
    public static ServerFrame Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new Utf8JsonReader(payload);
        var (op, id, seq, delivered, read) = (Op.Other, Guid.Empty, -1L, -1L, -1L);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("op"u8))
            {
                reader.Read();
                op = OpOf(ref reader);
            }
            else if (reader.ValueTextEquals("message_id"u8) || reader.ValueTextEquals("ref"u8))
            {
                reader.Read();
                id = IdOf(ref reader);
            }
            else if (reader.ValueTextEquals("seq"u8))
            {
                seq = NumberOf(ref reader);
            }
            else if (reader.ValueTextEquals("delivered_seq"u8))
            {
                delivered = NumberOf(ref reader);
            }
            else if (reader.ValueTextEquals("read_seq"u8))
            {
                read = NumberOf(ref reader);
            }
            else
            {
                reader.Skip();
            }

            if (op is Op.Ack or Op.Message && id != Guid.Empty && seq >= 0)
            {
                break;
            }
        }

        return new ServerFrame(op, id, seq, delivered, read);
    }

    private static long NumberOf(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.Number ? reader.GetInt64() : -1;
    }

    private static Guid IdOf(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String && Utf8Parser.TryParse(reader.ValueSpan, out Guid id, out _)
            ? id
            : Guid.Empty;

    private static Op OpOf(ref Utf8JsonReader reader) => reader.ValueSpan switch
    {
        var op when op.SequenceEqual("message"u8) => Op.Message,
        var op when op.SequenceEqual("ack"u8) => Op.Ack,
        var op when op.SequenceEqual("receipt"u8) => Op.Receipt,
        var op when op.SequenceEqual("update"u8) => Op.Update,
        var op when op.SequenceEqual("welcome"u8) => Op.Welcome,
        var op when op.SequenceEqual("synced"u8) => Op.Synced,
        var op when op.SequenceEqual("error"u8) => Op.Error,
        _ => Op.Other,
    };
}
