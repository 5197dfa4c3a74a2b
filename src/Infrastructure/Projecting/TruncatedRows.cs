using ChatCqrs.Infrastructure.ReadModels;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Conditions on the rows of a live table <c>t</c> whose events were truncated: what a rebuild takes over (<see
/// cref="ReadModelTable.TakenOver"/>).
/// </summary>
internal static class TruncatedRows
{
    /// <summary>No row: every event that the table is folded from is kept, or what it said went with it.</summary>
    public const string None = "false";

    /// <summary>
    /// Rows of single entries, in a table with <c>conversation_id</c>: those before the first entry that is left.
    /// </summary>
    /// <param name="seq">The column of the entry's seq.</param>
    public static string Before(string seq) => Where("t.conversation_id", $" AND NOT s.of_receipts AND {seq} < s.before");

    /// <summary>Rows that sum up a conversation's entries.</summary>
    /// <param name="id">The column of the conversation's id.</param>
    public static string Conversation(string id) => Where(id, " AND NOT s.of_receipts");

    /// <summary>Rows that sum up a conversation's receipts.</summary>
    /// <param name="id">The column of the conversation's id.</param>
    public static string Receipts(string id) => Where(id, " AND s.of_receipts");

    private static string Where(string id, string more) => $"EXISTS (SELECT FROM {LogStarts.Table} s WHERE s.conversation_id = {id}{more})";
}
