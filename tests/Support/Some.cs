using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Testing;

/// <summary>Example streams and events.</summary>
public static class Some
{
    /// <summary>A new stream's name.</summary>
    public static string Stream() => StreamName.Of(new ConversationId(Guid.NewGuid()));

    public static EventData Event(
        string payload = """{"text":"hello"}""", string metadata = """{"user":"somebody"}""") =>
        new(Guid.NewGuid(), "something-happened.v1", Encoding.UTF8.GetBytes(payload), Encoding.UTF8.GetBytes(metadata));

    public static EventData[] Events(int count) =>
        [.. Enumerable.Range(0, count).Select(n => Event($$"""{"n":{{n}}}"""))];

    /// <summary>An event whose payload and metadata together have the given number of bytes.</summary>
    public static EventData EventOf(int bytes) =>
        new(Guid.NewGuid(), "something-large.v1", new byte[bytes - 2], "{}"u8.ToArray());
}
