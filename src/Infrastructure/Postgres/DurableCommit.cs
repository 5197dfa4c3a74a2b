namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// For transactions that must not be lost in a crash once they are committed, also where the database is set to <c>synchronous_commit = off</c>. Whatever else it
/// is set to waits for the disk already, or for more than that, and stays.
/// </summary>
internal static class DurableCommit
{
    /// <summary>An expression for a statement to return with each row that it writes: the commit of its transaction then waits for the disk.</summary>
    public const string Sql = "CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END";
}
