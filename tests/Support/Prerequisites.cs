namespace ChatCqrs.Testing;

/// <summary>Programs that some tests need.</summary>
public static class Prerequisites
{
    /// <summary>
    /// The reason to skip a test whose prerequisite is missing; null if nothing is missing, or if <c>CI</c> is set:
    /// then the test runs and fails.
    /// </summary>
    public static string? MayBeMissing(string what) =>
        Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ? null : what;
}
