namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>How the runner of this node is doing.</summary>
public sealed class RunnerState
{
    /// <summary>Why it stopped; null while it runs or another node leads.</summary>
    public string? Failure { get; private set; }

    internal void Running() => Failure = null;

    internal void Stopped(string reason) => Failure = reason;
}
