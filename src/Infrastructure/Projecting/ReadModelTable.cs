using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// A table of a read model, in the live schema and in the schema of a rebuild. What it must say about rebuild, erasure
/// and export has no default, so that a new table cannot forget it.
/// </summary>
/// <param name="Name">Without the schema; unique among all tables.</param>
internal abstract record ReadModelTable(string Name)
{
    /// <summary>
    /// Which rows of the live table <c>t</c> a rebuild copies before it folds, because the log does not hold their
    /// events any more (docs/adr/0081): one of <see cref="TruncatedRows"/>. The fold must bear events that such a row
    /// has seen already.
    /// </summary>
    public required string TakenOver { get; init; }

    public required OnErasure OnErasure { get; init; }

    public required InExport InExport { get; init; }

    /// <summary>Adds the table to what Marten creates and brings up to date.</summary>
    public abstract void Register(StoreOptions options);
}

/// <summary>A table of rows, for views that many events change (docs/adr/0012).</summary>
internal sealed record RowTable(string Name) : ReadModelTable(Name)
{
    /// <summary>How full PostgreSQL makes the pages of rows that are updated all the time, in percent.</summary>
    public const int UpdatedFillFactor = 50;

    /// <summary>Defines the columns and indexes. The primary key is what the fold looks rows up by.</summary>
    public required Action<Table> Define { get; init; }

    public Table Create(string schema)
    {
        var table = new Table($"{schema}.{Name}");
        Define(table);
        return table;
    }

    public override void Register(StoreOptions options) => options.Storage.ExtendedSchemaObjects.Add(Create(options.DatabaseSchemaName));
}

/// <summary>A table of Marten documents, for views that change now and then.</summary>
/// <param name="Alias">The name without Marten's prefix.</param>
internal sealed record DocumentTable<TView>(string Alias) : ReadModelTable("mt_doc_" + Alias)
    where TView : class
{
    /// <summary>Says which property is the id, and what is indexed.</summary>
    public required Action<MartenRegistry.DocumentMappingExpression<TView>> Map { get; init; }

    public override void Register(StoreOptions options) => Map(options.Schema.For<TView>().DocumentAlias(Alias));
}

/// <summary>What becomes of a table's rows when a user is erased.</summary>
/// <param name="DeletesBy">The column with the user whose rows are deleted; null where rows stay.</param>
/// <param name="Reason">Why rows stay; null where they do not.</param>
internal sealed record OnErasure(string? DeletesBy, string? Reason)
{
    /// <summary>
    /// The rows of the user go in the transaction that folds <c>UserErased</c>, and what later events would add goes in
    /// theirs (<see cref="ErasedRows"/>), live and in a rebuild. The column must be the first of an index.
    /// </summary>
    public static OnErasure Deletes(string column) => new(column, null);

    public static OnErasure Keeps(string reason) => new(null, reason);
}

/// <summary>Where an export of an account shows what a table holds about the user.</summary>
/// <param name="Property">The property of the exported object; null where rows are not shown.</param>
/// <param name="Reason">Why they are not; null where they are.</param>
internal sealed record InExport(string? Property, string? Reason)
{
    /// <param name="property">As <c>ExportAccount</c> writes it.</param>
    public static InExport Shows(string property) => new(property, null);

    public static InExport Leaves(string reason) => new(null, reason);
}
