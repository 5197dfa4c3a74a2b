using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Testing;

/// <summary>Examples of what goes into a log.</summary>
public static class Some
{
    /// <summary>The name of a stream that nobody else uses.</summary>
    public static string Stream() => StreamName.Of(new ConversationId(Guid.NewGuid()));

    public static EventData Event(string payload = """{"text":"hello"}""", string metadata = """{"user":"somebody"}""") =>
        new(Guid.NewGuid(), "something-happened.v1", Encoding.UTF8.GetBytes(payload), Encoding.UTF8.GetBytes(metadata));

    public static EventData[] Events(int count) => [.. Enumerable.Range(0, count).Select(n => Event($$"""{"n":{{n}}}"""))];

    /// <summary>An event whose payload and metadata have together so many bytes.</summary>
    public static EventData EventOf(int bytes) => new(Guid.NewGuid(), "something-large.v1", new byte[bytes - 2], "{}"u8.ToArray());
}
