namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>Whether the runner of this node has stopped, and why.</summary>
public sealed class RunnerState
{
    private volatile string? _failure;

    /// <summary>Null while the runner works or another node leads.</summary>
    public string? Failure => _failure;

    internal void Running() => _failure = null;

    internal void Following() => _failure = null;

    internal void Stopped(string reason) => _failure = reason;
}
