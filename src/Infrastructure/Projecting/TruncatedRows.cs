using ChatCqrs.Infrastructure.ReadModels;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The rows of conversations whose streams were truncated.</summary>
internal static class TruncatedRows
{
    public static string Before(string seq) => Where("t.conversation_id", $" AND NOT s.of_receipts AND {seq} < s.before");

    public static string Conversation(string id) => Where(id, " AND NOT s.of_receipts");

    public static string Receipts(string id) => Where(id, " AND s.of_receipts");

    private static string Where(string id, string more) => $"EXISTS (SELECT FROM {LogStarts.Table} s WHERE s.conversation_id = {id}{more})";
}
