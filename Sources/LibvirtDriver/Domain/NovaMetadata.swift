// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import XML

/// The element that nova leaves in a domain and that exporters and accounting tools read.
struct NovaMetadata: Sendable {
    static let namespace = XMLNamespace(prefix: "nova", uri: "http://openstack.org/xmlns/libvirt/nova/1.0")
    static let packageVersion = "1.0"

    let name: String
    let created: Timestamp
    let flavor: String?
    let memoryMiB: Int
    let rootGiB: Int
    let swapMiB: Int
    let ephemeralGiB: Int
    let vcpus: Int
    let userID: String?
    let projectID: String?
    let userName: String?
    let projectName: String?
    let image: String?

    init(_ instance: Instance, image: LocalImage, created: Timestamp) {
        name = instance.displayName ?? instance.name
        self.created = created
        flavor = instance.flavorName
        memoryMiB = instance.memoryMiB
        rootGiB = instance.rootGiB
        swapMiB = instance.flavor?["swap"]?.int ?? 0
        ephemeralGiB = instance.ephemeralGiB
        vcpus = instance.vcpus
        userID = instance.userID
        projectID = instance.projectID
        userName = instance.fields["user_name"]?.string
        projectName = instance.fields["project_name"]?.string
        self.image = instance.imageRef ?? image.metadata.id
    }

    var xml: XMLElement {
        element("instance") {
            XMLElement(Self.name("package"), ["version": Self.packageVersion])
            text("name", name)
            text("creationTime", String(created.spaced.prefix(19)))
            XMLElement(Self.name("flavor"), ["name": expressible(flavor ?? "")]) {
                text("memory", String(memoryMiB))
                text("disk", String(rootGiB))
                text("swap", String(swapMiB))
                text("ephemeral", String(ephemeralGiB))
                text("vcpus", String(vcpus))
            }
            if userID != nil || projectID != nil {
                element("owner") {
                    owner("user", userID, userName)
                    owner("project", projectID, projectName)
                }
            }
            image.map { XMLElement(Self.name("root"), ["type": "image", "uuid": expressible($0)]) }
        }
    }

    private static func name(_ local: String) -> XMLName { XMLName(local, in: namespace) }

    private func element(_ local: String, @XMLBuilder elements: () -> [XMLElement]) -> XMLElement {
        XMLElement(Self.name(local), elements: elements)
    }

    private func text(_ local: String, _ value: String) -> XMLElement {
        XMLElement(Self.name(local), text: expressible(value))
    }

    /// nova writes the name as the text; a cast tells only ids.
    private func owner(_ local: String, _ id: String?, _ name: String?) -> XMLElement? {
        id.map { XMLElement(Self.name(local), ["uuid": expressible($0)], text: expressible(name ?? $0)) }
    }

    /// People choose these words, and XML can't express every character.
    private func expressible(_ text: String) -> String { XMLElement.expressible(text) }
}
