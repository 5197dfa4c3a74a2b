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

    /// <summary>
    /// The file of the key that is to follow that of <see cref="KeyFile"/>. While it is set, both sign; an entry of the
    /// logs, which the old key signs, names the new one. It must exist, for all nodes the same.
    /// </summary>
    public string? NextKeyFile { get; init; }

    /// <summary>The files of the keys that sign: the current one first.</summary>
    public IReadOnlyList<string> KeyFiles => NextKeyFile is null ? [KeyFile!] : [KeyFile!, NextKeyFile];

    /// <summary>
    /// The file that names the witnesses, which cosign the logs' checkpoints, in the form of c2sp.org/tlog-policy. At
    /// most 64 KiB; read at the start.
    /// </summary>
    public string? Witnesses { get; init; }

    /// <summary>
    /// Whether a checkpoint is published only once witnesses have cosigned it as the policy's <c>quorum</c> says; else
    /// at once, and cosignatures are added later.
    /// </summary>
    public bool Quorum { get; init; }

    /// <summary>
    /// The time of the day, UTC, from which on batches are compared with the event log each night; 0 to 24 hours.
    /// </summary>
    public TimeSpan VerifyAt { get; init; } = TimeSpan.FromHours(2);

    /// <summary>
    /// How long that may go on each night; 0 to 23 hours, 0 for not at all. The next night goes on where it ended.
    /// </summary>
    public TimeSpan VerifyFor { get; init; } = TimeSpan.FromHours(4);

    /// <summary>How often changed streams are gathered into a batch; a second to an hour.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How many days a batch's heads are kept; 1 to 36,500. The log of batches is kept for ever.</summary>
    public int KeepDays { get; init; } = 400;

    /// <summary>Whether everybody may read the checkpoints, tiles and entries; else whoever is signed in.</summary>
    public bool Public { get; init; }

    /// <summary>
    /// The last checkpoints that somebody has kept: a file with one, such as <c>verify log --save</c> writes it, or a
    /// folder of such files. A database that has less than they say is not signed. Null for none.
    /// </summary>
    public string? LastSeen { get; init; }

    /// <summary>How long an export is kept once it is done; a minute to 90 days.</summary>
    public TimeSpan ExportsKept { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How often old exports are deleted, and lost jobs begun anew; a second to a day.</summary>
    public TimeSpan ExportSweepEvery { get; init; } = TimeSpan.FromMinutes(5);
}
