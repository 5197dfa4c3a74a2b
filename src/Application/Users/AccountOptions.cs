namespace ChatCqrs.Application.Users;

/// <summary>Tokens (section <c>Tokens</c> of the configuration).</summary>
public sealed record TokenOptions
{
    /// <summary>The issuer and audience of access tokens; the same on all nodes.</summary>
    public string Issuer { get; init; } = "chatcqrs";

    /// <summary>How long an access token is valid; 1 to 1,440 minutes.</summary>
    public double AccessMinutes { get; init; } = 15;

    /// <summary>How long an unused refresh token is valid; 1 to 3,650 days.</summary>
    public double RefreshDays { get; init; } = 90;

    /// <summary>
    /// A PEM file with one or more private keys on P-256. The first one signs, all verify. In Development a missing
    /// file is created.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>The same keys as PEM texts, instead of a file.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];
}

/// <summary>Registrations (section <c>Registration</c> of the configuration).</summary>
public sealed record RegistrationOptions
{
    /// <summary>The number of wrong codes that end a registration.</summary>
    public const int AttemptsMax = 5;

    /// <summary>How long a code is valid; 1 to 60 minutes.</summary>
    public double CodeMinutes { get; init; } = 10;

    /// <summary>
    /// Whether the answer includes the code: in Development only, set by the host, never by the configuration.
    /// </summary>
    public bool RevealCode { get; set; }
}

/// <summary>Users with roles (section <c>Access</c> of the configuration): phones in E.164 form, or user ids.</summary>
public sealed record AccessOptions
{
    public List<string> Admins { get; init; } = [];
    public List<string> Auditors { get; init; } = [];
    public List<string> Compliance { get; init; } = [];
}
