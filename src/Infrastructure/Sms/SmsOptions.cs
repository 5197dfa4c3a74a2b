namespace ChatCqrs.Infrastructure.Sms;

/// <summary>How codes reach phones (section <c>Sms</c> of the configuration).</summary>
public sealed record SmsOptions
{
    public const int SecretLengthMin = 16;

    /// <summary>Where text messages are handed over: HTTPS, or HTTP on this machine. Required outside Development.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>The key of the signature, at least <see cref="SecretLengthMin"/> characters.</summary>
    public string? WebhookSecret { get; init; }

    /// <summary>How long one attempt may take; 1 to 60.</summary>
    public double TimeoutSeconds { get; init; } = 5;

    /// <summary>How many attempts are made; 1 to 10.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>What is sent; <c>{code}</c> stands for the code.</summary>
    public string Text { get; init; } = "{code} is your code.";
}
