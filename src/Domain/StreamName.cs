namespace ChatCqrs.Domain;

/// <summary>The names of the log's streams: a category, a dash and an id.</summary>
public static class StreamName
{
    public const string ConversationPrefix = "conversation-";
    public const string ReceiptsPrefix = "receipts-";
    public const string UserPrefix = "user-";
    public const string AuditorPrefix = "auditor-";
    public const string MatterPrefix = "matter-";
    public const string HoldPrefix = "hold-";
    public const string CutsPrefix = "cuts-";

    /// <summary>The one stream of what concerns the audit of the whole server.</summary>
    public const string Audit = AuditPrefix + "0a0d1700-0000-8000-8000-000000000001";

    private const string AuditPrefix = "audit-";

    /// <summary>The prefixes of the product's streams. Event stores ignore all other streams.</summary>
    public static readonly IReadOnlyList<string> Prefixes =
    [
        ConversationPrefix, ReceiptsPrefix, UserPrefix,
        AuditorPrefix, MatterPrefix, HoldPrefix, AuditPrefix, CutsPrefix,
    ];

    public static string Of(ConversationId id) => ConversationPrefix + id;
    public static string OfReceipts(ConversationId id) => ReceiptsPrefix + id;
    public static string Of(UserId id) => UserPrefix + id;
    public static string OfAuditor(UserId id) => AuditorPrefix + id;
    public static string Of(MatterId id) => MatterPrefix + id;
    public static string Of(HoldId id) => HoldPrefix + id;

    /// <summary>The stream of the cuts of another stream: one for a conversation and its receipts.</summary>
    /// <param name="stream">The stream that is truncated.</param>
    /// <exception cref="FormatException">The name does not end with an id.</exception>
    public static string OfCuts(string stream) => CutsPrefix + IdOf(stream).ToString();

    /// <summary>The id at the end of a stream's name.</summary>
    /// <exception cref="FormatException">The name does not end with an id.</exception>
    public static Guid IdOf(string stream) =>
        Guid.ParseExact(stream.AsSpan(stream.IndexOf('-', StringComparison.Ordinal) + 1), "D");
}
