using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.LogAppend;

/// <summary>The costs of encoding, chaining and sealing an event, and of the reverse.</summary>
internal static class CryptoCosts
{
    private const int Rounds = 50_000;

    public static async Task PrintAsync(IContentSealer sealer)
    {
        var codec = new EventCodec();
        var (message, context) = Examples.Message();
        var (data, _) = codec.Encode(message, context, IEventCodec.FirstLink);
        var stored = new StoredEvent(
            $"conversation-{Guid.NewGuid()}", 0, new LogPosition(1),
            data.EventId, data.Type, data.Payload, data.Metadata);
        Console.WriteLine($"payload {data.Payload.Length} bytes, metadata {data.Metadata.Length} bytes");
        Time("encode and chain", () => codec.Encode(message, context, IEventCodec.FirstLink));
        Time("decode", () => codec.Decode(stored));
        var (owner, expiry) = (context.Actor.User!.Value, DateTimeOffset.UtcNow.AddDays(30));
        var scope = new SealScope(expiry, owner, new ConversationId(Guid.NewGuid()), new MessageId(Guid.NewGuid()));
        var text = new byte[200];
        var content = await sealer.SealAsync(scope, text, CancellationToken.None);
        await sealer.FingerprintAsync(scope.Owner, text, CancellationToken.None);
        Time("seal", () => Now(sealer.SealAsync(scope, text, CancellationToken.None)));
        Time("open", () => Now(sealer.OpenAsync(scope, content, CancellationToken.None)));
        Time("fingerprint", () => Now(sealer.FingerprintAsync(scope.Owner, text, CancellationToken.None)));
        Time("verify", () => EventChain.Holds(IEventCodec.FirstLink.Span, stored));
    }

    /// <summary>Fails if a call is asynchronous: with a cached key none is.</summary>
    private static void Now<T>(ValueTask<T> done)
    {
        if (!done.IsCompletedSuccessfully)
            throw new InvalidOperationException("The call did not complete synchronously.");
    }

    private static void Time(string what, Action action)
    {
        for (var warm = 0; warm < Rounds; warm++)
            action();
        var (started, allocated) = (Stopwatch.GetTimestamp(), GC.GetAllocatedBytesForCurrentThread());
        for (var round = 0; round < Rounds; round++)
            action();
        var (elapsed, bytes) = (Stopwatch.GetElapsedTime(started), GC.GetAllocatedBytesForCurrentThread() - allocated);
        Console.WriteLine($"{what}: {elapsed.TotalMicroseconds / Rounds:F2} us, {bytes / Rounds} bytes");
    }
}
