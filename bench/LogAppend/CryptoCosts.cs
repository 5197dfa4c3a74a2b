using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.LogAppend;

/// <summary>What an event costs before it reaches the log and after it has left it.</summary>
internal static class CryptoCosts
{
    private const int Rounds = 50_000;

    public static async Task PrintAsync(IContentSealer sealer)
    {
        var codec = new EventCodec();
        var (message, context) = Examples.Message();
        var (data, _) = codec.Encode(message, context, IEventCodec.FirstLink);
        var stored = new StoredEvent("conversation-" + Guid.NewGuid(), 0, new LogPosition(1), data.EventId, data.Type, data.Payload, data.Metadata);
        Console.WriteLine($"payload {data.Payload.Length} bytes, metadata {data.Metadata.Length} bytes");
        Time("encode and chain", () => codec.Encode(message, context, IEventCodec.FirstLink));
        Time("decode", () => codec.Decode(stored));
        var scope = new SealScope(DateTimeOffset.UtcNow.AddDays(30), context.Actor.User!.Value, new ConversationId(Guid.NewGuid()), new MessageId(Guid.NewGuid()));
        var text = new byte[200];
        var content = await sealer.SealAsync(scope, text, CancellationToken.None);
        await sealer.FingerprintAsync(scope.Owner, text, CancellationToken.None);
        Time("seal", () => Now(sealer.SealAsync(scope, text, CancellationToken.None)));
        Time("open", () => Now(sealer.OpenAsync(scope, content, CancellationToken.None)));
        Time("fingerprint", () => Now(sealer.FingerprintAsync(scope.Owner, text, CancellationToken.None)));
        Time("verify", () => EventChain.Holds(IEventCodec.FirstLink.Span, stored));
    }

    /// <summary>What has a key at hand does not wait.</summary>
    private static void Now<T>(ValueTask<T> done)
    {
        if (!done.IsCompletedSuccessfully)
            throw new InvalidOperationException("It had to wait.");
    }

    private static void Time(string what, Action action)
    {
        for (var warm = 0; warm < Rounds; warm++)
            action();
        var (started, allocated) = (Stopwatch.GetTimestamp(), GC.GetAllocatedBytesForCurrentThread());
        for (var round = 0; round < Rounds; round++)
            action();
        Console.WriteLine(
            $"{what}: {Stopwatch.GetElapsedTime(started).TotalMicroseconds / Rounds:F2} us, {(GC.GetAllocatedBytesForCurrentThread() - allocated) / Rounds} bytes");
    }
}
