namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>How the runner of this node is doing.</summary>
public sealed class RunnerState
{
    private volatile string? _failure;

    /// <summary>Why it stopped; null while it runs or another node leads.</summary>
    public string? Failure => _failure;

    internal void Running() => _failure = null;

    internal void Following() => _failure = null;

    internal void Stopped(string reason) => _failure = reason;
}
