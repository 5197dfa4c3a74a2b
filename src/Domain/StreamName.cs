namespace ChatCqrs.Domain;

/// <summary>The names of the log's streams: a category, a dash and an id.</summary>
public static class StreamName
{
    public const string ConversationPrefix = "conversation-";
    public const string ReceiptsPrefix = "receipts-";
    public const string UserPrefix = "user-";

    /// <summary>The prefixes of the product's streams. Event stores ignore all other streams.</summary>
    public static readonly IReadOnlyList<string> Prefixes = [ConversationPrefix, ReceiptsPrefix, UserPrefix];

    public static string Of(ConversationId id) => ConversationPrefix + id;
    public static string OfReceipts(ConversationId id) => ReceiptsPrefix + id;
    public static string Of(UserId id) => UserPrefix + id;

    /// <summary>The id at the end of a stream's name.</summary>
    /// <exception cref="FormatException">The name does not end with an id.</exception>
    public static Guid IdOf(string stream) =>
        Guid.ParseExact(stream.AsSpan(stream.IndexOf('-', StringComparison.Ordinal) + 1), "D");
}
