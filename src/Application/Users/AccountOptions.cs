namespace ChatCqrs.Application.Users;

/// <summary>Tokens (section <c>Tokens</c> of the configuration).</summary>
public sealed record TokenOptions
{
    /// <summary>Who issues the access tokens, and whom they are for; the same on all nodes.</summary>
    public string Issuer { get; init; } = "chatcqrs";

    /// <summary>How long an access token is good for; 1 to 1,440 minutes.</summary>
    public double AccessMinutes { get; init; } = 15;

    /// <summary>How long a refresh token is good for if it is not used; 1 to 3,650 days.</summary>
    public double RefreshDays { get; init; } = 90;

    /// <summary>
    /// A PEM file with one or more private keys on P-256. The first one signs, all of them verify. In Development it is made if it is missing.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>Such keys as PEM texts, instead of a file.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];
}

/// <summary>Registrations (section <c>Registration</c> of the configuration).</summary>
public sealed record RegistrationOptions
{
    /// <summary>How many wrong codes burn a registration.</summary>
    public const int AttemptsMax = 5;

    /// <summary>How long a code is good for; 1 to 60 minutes.</summary>
    public double CodeMinutes { get; init; } = 10;

    /// <summary>Whether the answer tells the code: in Development only, set by the host and never by the configuration.</summary>
    public bool RevealCode { get; set; }
}

/// <summary>Who has roles (section <c>Access</c> of the configuration): phones in E.164 form or ids of users.</summary>
public sealed record AccessOptions
{
    public List<string> Admins { get; init; } = [];
    public List<string> Auditors { get; init; } = [];
}
