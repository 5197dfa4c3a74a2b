namespace ChatCqrs.Client;

/// <summary>The codes of <see cref="ChatException.Code"/>: the client's own, and those of the server.</summary>
public static partial class ErrorCode
{
    /// <summary>No answer: the network, or the server, failed. What was asked for may have happened.</summary>
    public const string Network = "network";

    /// <summary>An answer that is none of this API: something else answers at the address.</summary>
    public const string BadAnswer = "bad_answer";

    /// <summary>An upload of which the server took no byte more in ten attempts.</summary>
    public const string UploadStuck = "upload_stuck";

    /// <summary>This device has no tokens, or its tokens were ended. Register, or link it.</summary>
    public const string SignedOut = "signed_out";

    /// <summary>The client was closed.</summary>
    public const string Closed = "closed";

    /// <summary>As many messages wait in the outbox as may.</summary>
    public const string OutboxFull = "outbox_full";

    /// <summary>A message that no socket frame can hold (512 KiB).</summary>
    public const string FrameTooLarge = "frame_too_large";

    /// <summary>The person refused to link this device.</summary>
    public const string LinkRefused = "link_refused";

    /// <summary>Nobody approved the link in time.</summary>
    public const string LinkExpired = "link_expired";

    /// <summary>The link was approved by somebody who did not have its code.</summary>
    public const string LinkUnproven = "link_unproven";

    /// <summary>Something failed on this machine, the store say; the inner exception tells.</summary>
    public const string Internal = "internal";

    internal static IReadOnlySet<string> Own { get; } = new HashSet<string>
    {
        Network, BadAnswer, UploadStuck, SignedOut, Closed, OutboxFull, FrameTooLarge, LinkRefused, LinkExpired,
        LinkUnproven, Internal,
    };
}
