using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>The product's codec, which fails for the events that a test names.</summary>
internal sealed class DefectiveCodec : IEventCodec
{
    private readonly EventCodec _codec = new();

    /// <summary>Events whose encoding throws; null for none.</summary>
    public Func<object, bool>? FailsFor { get; set; }

    public (EventData Data, ReadOnlyMemory<byte> Hash) Encode(
        object @event, EventContext context, ReadOnlyMemory<byte> previousHash) => FailsFor?.Invoke(@event) == true
        ? throw new InvalidOperationException("A defect, as the test wished.")
        : _codec.Encode(@event, context, previousHash);

    public bool IsLinked(StoredEvent stored, ReadOnlyMemory<byte> previousHash) =>
        _codec.IsLinked(stored, previousHash);

    public ReadOnlyMemory<byte> HashOf(StoredEvent stored) => _codec.HashOf(stored);

    public Recorded Decode(StoredEvent stored) => _codec.Decode(stored);

    public Type? TypeOf(string wireName) => _codec.TypeOf(wireName);
}
