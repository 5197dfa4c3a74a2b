using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Testing;

/// <summary>A published log of heads that covers the event log up to a position.</summary>
public sealed class PublishedHeads : IPublishedHeads
{
    public LogPosition Covered { get; set; } = new(ulong.MaxValue);

    public Task<LogPosition> CoveredAsync(CancellationToken cancellationToken) => Task.FromResult(Covered);
}
