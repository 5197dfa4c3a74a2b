namespace ChatCqrs.Testing;

/// <summary>Programs of others that some tests need.</summary>
public static class Prerequisites
{
    /// <summary>
    /// Why a test is skipped for want of something; null when it is not, because nothing is missing or because <c>CI</c> is set, where nothing may be: then it fails
    /// when it tries.
    /// </summary>
    public static string? MayBeMissing(string what) => Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ? null : what;
}
