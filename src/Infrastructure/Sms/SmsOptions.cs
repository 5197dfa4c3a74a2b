namespace ChatCqrs.Infrastructure.Sms;

/// <summary>The SMS gateway (section <c>Sms</c> of the configuration).</summary>
public sealed record SmsOptions
{
    public const int SecretLengthMin = 16;

    /// <summary>The gateway's address: HTTPS, or HTTP on this machine. Required outside Development.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>The key of the HMAC signature, at least <see cref="SecretLengthMin"/> characters.</summary>
    public string? WebhookSecret { get; init; }

    /// <summary>The timeout of one attempt in seconds; 1 to 60.</summary>
    public double TimeoutSeconds { get; init; } = 5;

    /// <summary>The number of attempts; 1 to 10.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>The text of the message; <c>{code}</c> stands for the code.</summary>
    public string Text { get; init; } = "{code} is your code.";
}
