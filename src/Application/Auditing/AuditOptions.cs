namespace ChatCqrs.Application.Auditing;

/// <summary>Audits (section <c>Audit</c> of the configuration).</summary>
public sealed record AuditOptions
{
    public const string FourEyes = "four_eyes";
    public const string None = "none";

    /// <summary>
    /// Who approves matters and holds: <c>four_eyes</c>, somebody else than who asked; or <c>none</c>, nobody, for
    /// installations of one person. Every access notes <c>none</c>.
    /// </summary>
    public string Approval { get; init; } = FourEyes;
}
