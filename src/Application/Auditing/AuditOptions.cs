namespace ChatCqrs.Application.Auditing;

/// <summary>Settings of audits (section <c>Audit</c> of the configuration).</summary>
public sealed record AuditOptions
{
    public const string FourEyes = "four_eyes";
    public const string None = "none";

    /// <summary>
    /// Who approves matters and holds: <c>four_eyes</c>, somebody else than who asked; or <c>none</c>, nobody, for
    /// installations of one person. Every access notes <c>none</c>.
    /// </summary>
    public string Approval { get; init; } = FourEyes;

    /// <summary>
    /// The name of the log of heads: the address of <c>/v1/audit/heads</c> on this server without its scheme, such as
    /// <c>chat.example.org/v1/audit/heads</c>. Required in Production; Development makes one up. It cannot change.
    /// </summary>
    public string? Origin { get; init; }

    /// <summary>
    /// The file of the Ed25519 key that signs the logs (PKCS#8 as PEM), for all nodes the same; by default
    /// <c>audit-key.pem</c> in <c>DataFolder</c>, created if it is missing.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>How often changed streams are gathered into a batch; a second to an hour.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How many days a batch's heads are kept; 1 to 36,500. The log of batches is kept for ever.</summary>
    public int KeepDays { get; init; } = 400;

    /// <summary>Whether everybody may read the checkpoints, tiles and entries; else whoever is signed in.</summary>
    public bool Public { get; init; }

    /// <summary>How long an export is kept once it is done; a minute to 90 days.</summary>
    public TimeSpan ExportsKept { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How often old exports are deleted, and lost jobs begun anew; a second to a day.</summary>
    public TimeSpan ExportSweepEvery { get; init; } = TimeSpan.FromMinutes(5);
}
