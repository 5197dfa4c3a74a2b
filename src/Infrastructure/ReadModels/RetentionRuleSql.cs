namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// What the rules of shorter times make of a row <c>t</c> of the timeline (docs/adr/0082). Where a conversation has
/// none, which is nearly always, each costs one look into an index.
/// </summary>
internal static class RetentionRuleSql
{
    public const string Table = "retention_rules";

    /// <summary>When the row's message goes by the rules; null where none shortens its time.</summary>
    public const string ShownUntil = $"(SELECT min({End}) FROM {Table} x {Applying})";

    /// <summary>
    /// Whether a message that its row keeps is due by a rule. Written so that PostgreSQL does not make a join of it,
    /// whose guesses about the number of rows spoil the plans of lists.
    /// </summary>
    public const string IsDue = $"EXISTS (SELECT FROM {Table} x {Applying} AND {End} <= now()) IS TRUE";

    /// <inheritdoc cref="IsDue"/>
    public static string IsDueIn(string schema) =>
        $"EXISTS (SELECT FROM {schema}.{Table} x {Applying} AND {End} <= now()) IS TRUE";

    private const string End = "t.at + r.shown_ms * interval '1 ms'";

    /// <summary>The rules <c>r</c> of the row, which is of a kept message.</summary>
    private const string Applying =
        $"""
        CROSS JOIN LATERAL unnest(x.from_seqs, x.before_seqs, x.kept_ms, x.shown_ms) AS r(from_seq, before_seq, kept_ms, shown_ms)
        WHERE x.conversation_id = t.conversation_id AND t.seq >= r.from_seq AND t.seq < r.before_seq
          AND t.kept_until <= t.at + r.kept_ms * interval '1 ms' AND t.kept_until > {End}
        """;
}
