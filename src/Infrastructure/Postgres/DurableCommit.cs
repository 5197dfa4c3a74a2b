namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Makes the commit of a transaction wait for the disk where the database is set to <c>synchronous_commit = off</c>.
/// Every other setting waits for the disk or for more, and stays.
/// </summary>
internal static class DurableCommit
{
    /// <summary>An expression for the RETURNING clause of a statement in the transaction.</summary>
    public const string Sql =
        "CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END";
}
